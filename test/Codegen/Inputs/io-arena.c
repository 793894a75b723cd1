/* Runs io-arena.mlir, and checks what its descriptor says of the arena. */
#ifdef __cplusplus
#define ALIGNED(n) alignas(n)
#else
#define ALIGNED(n) _Alignas(n)
#endif
ALIGNED(IO_ARENA_ALIGN) static unsigned char arena[IO_ARENA_BYTES];

int main(void) {
  for (unsigned i = 0; i < IO_INPUT0_ELEMENTS; i++)
    io_input(arena)[i] = (float)i;
  if (io_run(arena) != DLC_OK)
    return 1;
  for (unsigned i = 0; i < IO_OUTPUT0_ELEMENTS; i++)
    if (io_output(arena)[i] != 2.0f * (float)i)
      return 2;
  if (io_model.inputs[0].flags != DLC_TENSOR_IN_ARENA || io_model.outputs[0].arena_offset != 32)
    return 3;
  return 0;
}
