// The rt dialect: what generated code knows of its target and its memory.
#ifndef DLC_RT_OPS
#define DLC_RT_OPS

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def RT_Dialect : Dialect {
  let name = "rt";
  let cppNamespace = "::dlc::rt";
  let summary = "target facts and run-time structure of a compiled model";
  let description = [{
    `rt.target` on the module is the only place where passes look for facts
    about the processor. Discardable attributes of this dialect:
    - `rt.name` (module): prefix of every generated symbol
    - `rt.io_arena` (module): inputs and outputs lie in the arena
    - `rt.poison_arena` (module, unit): bytes of the arena that no tensor owns
      change between operations (a test of the memory plan)
    - `rt.ram_budget` (module, i64): bytes that arena, inputs and outputs may take
    - `rt.memories` (module): array of dictionaries {name, bytes}, the fastest
      memory first; without it there is one arena of any size
    - `rt.is_input`, `rt.is_output` (memref.view, unit): where the arena holds one
    - `rt.optimize` (module): "speed", "size" or "ram"; `rt.requant`: "onnx", "tflite" or "single"
    - `rt.profile` (module, unit): layers call dlc_profile_begin/end
    - `rt.threads` (module, i64): most parts that a layer is cut into
    - `rt.tasks` (private function, i64): a call means one call for each value of the
      first argument below that, in any order, perhaps at the same time
    - `rt.inputs`, `rt.outputs` (entry function): arrays of dictionaries {name}
    - `rt.arena_bytes`, `rt.arena_lower_bound_bytes` (entry function, i64)
    - `rt.arena` (argument): the arena
    - `rt.dims` (last argument, memref<Nxi64>): dims of inputs and outputs at run
      time, as in dlc_run_fn; only when some are not static. On an operation:
      it does nothing but write them
    - `rt.bytes` (memref.view of dynamic shape, i64): bytes reserved in the arena
    - `rt.output_block` (memref.alloc): a block of dlc_alloc that the caller gets
    - `rt.on_error` (entry function, symbol): function with the same arguments
      that releases blocks when the entry ends early. `cf.assert` ends the entry
      with the status that its message names
    - `rt.layer` (function): a dictionary {name, nodes, kernel, macs, ...}
    - `rt.inplace` (operation): output may start where an operand starts
  }];
  let useDefaultAttributePrinterParser = 1;
}

def RT_TargetAttr : AttrDef<RT_Dialect, "Target"> {
  let mnemonic = "target";
  let summary = "the processor that code is generated for";
  let description = [{
    Every field but the name follows from LLVM's subtarget description of
    (triple, cpu, features); compiler/Target.cpp fills it in.

    - `vector_bits`: width of one vector register; for `sve` the granule of 128
      bits, of which the register holds a multiple known at run time only; 0
      for `scalar`
    - `index_bits`: width of pointers and of `index`
    - `hosted`: has an operating system (threads, allocator); false: firmware
    - `fma_f32`, `fma_f64`: `math.fma` and `vector.fma` are one instruction
    - `dsp`: SMLAD, SXTB16 and their like (Cortex-M4, M7, M33, M55, M85)
    - `fpu_f32`, `fpu_f64`: arithmetic and `math.sqrt` are instructions
    - `round_f32`, `round_f64`: floor, ceil, trunc, round and roundeven are
      instructions (AArch64, SSE4.1, FPv5)
    - `arith_f16`: arithmetic on f16; `convert_f16`: f16 <-> f32 conversions are
      instructions; `bf16`: BFDOT/BFMMLA (Arm) or AVX512-BF16
    - `dotprod`: SDOT/UDOT (Arm) or AVX512-VNNI/AVX-VNNI; `i8mm`: SMMLA, USDOT
  }];
  let parameters = (ins
    StringRefParameter<"name as given to --target">:$name,
    StringRefParameter<"LLVM triple">:$triple,
    StringRefParameter<"LLVM CPU name">:$cpu,
    StringRefParameter<"LLVM features">:$features,
    StringRefParameter<"floating-point ABI: hard, soft or empty">:$float_abi,
    StringRefParameter<"vector ISA of micro-kernels: scalar, sse, avx, avx512, neon, sve, mve">:$isa,
    DefaultValuedParameter<"unsigned", "0">:$vector_bits,
    DefaultValuedParameter<"unsigned", "16">:$vector_registers,
    DefaultValuedParameter<"unsigned", "64">:$index_bits,
    DefaultValuedParameter<"bool", "true">:$hosted,
    DefaultValuedParameter<"bool", "false">:$fma_f32,
    DefaultValuedParameter<"bool", "false">:$fma_f64,
    DefaultValuedParameter<"bool", "false">:$dsp,
    DefaultValuedParameter<"bool", "false">:$fpu_f32,
    DefaultValuedParameter<"bool", "false">:$fpu_f64,
    DefaultValuedParameter<"bool", "false">:$arith_f16,
    DefaultValuedParameter<"bool", "false">:$convert_f16,
    DefaultValuedParameter<"bool", "false">:$bf16,
    DefaultValuedParameter<"bool", "false">:$dotprod,
    DefaultValuedParameter<"bool", "false">:$i8mm,
    DefaultValuedParameter<"bool", "false">:$sve2,
    DefaultValuedParameter<"bool", "false">:$round_f32,
    DefaultValuedParameter<"bool", "false">:$round_f64
  );
  let assemblyFormat = "`<` struct(params) `>`";
}
#endif
