/* half_weights.c: the sums of two tensors of weights that half-weights.mlir holds. */
int main(void) {
  static unsigned char arena[HALF_ARENA_BYTES + 1];
  float y[3];
  if (half_run(arena, y) != DLC_OK)
    return 1;
  return y[0] != 4.0f || y[1] != -0.375f || y[2] != 65505.0f;
}
