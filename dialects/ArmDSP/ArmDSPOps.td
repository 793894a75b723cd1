// The arm_dsp dialect: instructions of the DSP extension that no upstream dialect names.
#ifndef DLC_ARM_DSP_OPS
#define DLC_ARM_DSP_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def ArmDSP_Dialect : Dialect {
  let name = "arm_dsp";
  let cppNamespace = "::dlc::arm_dsp";
  let summary = "pairs of 16-bit integers in the general registers of Cortex-M4, M7 and M33";
  let description = [{
    A register of 32 bits holds two signed halves (bottom, top) or four bytes.
    Operations become LLVM's intrinsics in an object and those of arm_acle.h in C++.
    What LLVM finds by itself has no operation here: SMMLA from the high half of a
    product and an addition, SSAT from a clamp, PKHBT and PKHTB from masks and shifts.
    Source: Arm C Language Extensions, section "32-bit SIMD intrinsics".
  }];
}

class ArmDSP_Op<string mn, list<Trait> traits = []> : Op<ArmDSP_Dialect, mn, traits>;

class ArmDSP_MultiplyAdd<string mn, string what> : ArmDSP_Op<mn, [Pure]> {
  let summary = what;
  let arguments = (ins I32:$a, I32:$b, I32:$acc);
  let results = (outs I32:$result);
  let assemblyFormat = "$a `,` $b `,` $acc attr-dict";
  let builders = [OpBuilder<(ins "::mlir::Value":$a, "::mlir::Value":$b, "::mlir::Value":$acc), [{
    build($_builder, $_state, $_builder.getI32Type(), a, b, acc);
  }]>];
}

def ArmDSP_SmladOp : ArmDSP_MultiplyAdd<"smlad",
    "acc + a.bottom * b.bottom + a.top * b.top, wrapping">;
def ArmDSP_SmlabbOp : ArmDSP_MultiplyAdd<"smlabb", "acc + a.bottom * b.bottom, wrapping">;
def ArmDSP_SmlabtOp : ArmDSP_MultiplyAdd<"smlabt", "acc + a.bottom * b.top, wrapping">;
def ArmDSP_SmlatbOp : ArmDSP_MultiplyAdd<"smlatb", "acc + a.top * b.bottom, wrapping">;
def ArmDSP_SmlattOp : ArmDSP_MultiplyAdd<"smlatt", "acc + a.top * b.top, wrapping">;

def ArmDSP_SmlaldOp : ArmDSP_Op<"smlald", [Pure]> {
  let summary = "acc + a.bottom * b.bottom + a.top * b.top in 64 bits";
  let arguments = (ins I32:$a, I32:$b, I64:$acc);
  let results = (outs I64:$result);
  let assemblyFormat = "$a `,` $b `,` $acc attr-dict";
  let builders = [OpBuilder<(ins "::mlir::Value":$a, "::mlir::Value":$b, "::mlir::Value":$acc), [{
    build($_builder, $_state, $_builder.getI64Type(), a, b, acc);
  }]>];
}

def ArmDSP_Sxtb16Op : ArmDSP_Op<"sxtb16", [Pure]> {
  let summary = "bytes 0 and 2 as a pair of halves, sign-extended, of a word rotated right";
  let description = [{
    `rotation` is 0, 8, 16 or 24 bits; it costs nothing. Rotation 8 gives bytes 1 and 3.
  }];
  let arguments = (ins I32:$x, DefaultValuedAttr<I32Attr, "0">:$rotation);
  let results = (outs I32:$result);
  let assemblyFormat = "$x attr-dict";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "int":$rotation), [{
    build($_builder, $_state, $_builder.getI32Type(), x,
          $_builder.getI32IntegerAttr(rotation));
  }]>];
}

def ArmDSP_LoadOp : ArmDSP_Op<"load"> {
  let summary = "four neighbouring bytes, or two halves, of memory as a word, at any address";
  let arguments = (ins Arg<MemRefRankOf<[I8, I16], [1]>, "bytes or halves", [MemRead]>:$bytes, Index:$at);
  let results = (outs I32:$result);
  let assemblyFormat = "$bytes `[` $at `]` attr-dict `:` type($bytes)";
  let builders = [OpBuilder<(ins "::mlir::Value":$bytes, "::mlir::Value":$at), [{
    build($_builder, $_state, $_builder.getI32Type(), bytes, at);
  }]>];
}

def ArmDSP_DotOp : ArmDSP_Op<"dot", [AttrSizedOperandSegments]> {
  let summary = "the products of a tile of outputs and pixels, summed";
  let description = [{
    sums[r * pixels + j] += sum over q < groups of weight group q of row r times
    input group q of pixel j. A weight group is a word of four signed bytes, the
    groups of all rows side by side. An input group is, of bytes, one word (one
    pixel only); of words, the pairs (0, 2) of all pixels, then their pairs (1, 3);
    of halves, the same two pairs of the one pixel, whatever elements they hold.

    It is one operation because nearly all registers are in use: compilers spill here,
    so an object and the C++ get the same assembly, `unroll` groups written out.
    `registers` is how many it may use, operands included: with fewer, weights are
    loaded later, or twice. `paired` is for cores that begin two instructions in a
    cycle (Schedule.cpp); without it loads stand together, as Cortex-M4 likes them.

    Functions that several layers share give the number of groups, at least one, as
    `count`; `groups` is 0 then, and a first round begins in the middle.

    ```mlir
    %s:2 = arm_dsp.dot %w[%i], %x[%c0] sums(%a, %b) {rows = 1, pixels = 2, groups = 16, unroll = 4}
        : memref<64xi32>, memref<64xi32> -> i32, i32
    ```
  }];
  let arguments = (ins Arg<MemRefRankOf<[I32], [1]>, "weights", [MemRead]>:$weights, Index:$weightAt,
    Arg<MemRefRankOf<[I8, I16, I32], [1]>, "inputs", [MemRead]>:$inputs, Index:$inputAt,
    Variadic<I32>:$sums, Optional<Index>:$count,
    I64Attr:$rows, I64Attr:$pixels, I64Attr:$groups, I64Attr:$unroll, UnitAttr:$paired,
    DefaultValuedAttr<I64Attr, "14">:$registers);
  let results = (outs Variadic<I32>:$results);
  let assemblyFormat = [{
    $weights `[` $weightAt `]` `,` $inputs `[` $inputAt `]` `sums` `(` $sums `)` (`count` $count^)? attr-dict
    `:` type($weights) `,` type($inputs) `->` type($results)
  }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$weights, "::mlir::Value":$weightAt,
      "::mlir::Value":$inputs, "::mlir::Value":$inputAt, "::mlir::ValueRange":$sums,
      "int64_t":$rows, "int64_t":$pixels, "int64_t":$groups, "int64_t":$unroll,
      "bool":$paired, CArg<"::mlir::Value", "{}">:$count), [{
    ::llvm::SmallVector<::mlir::Type> types(sums.size(), $_builder.getI32Type());
    build($_builder, $_state, types, weights, weightAt, inputs, inputAt, sums, count,
          $_builder.getI64IntegerAttr(rows), $_builder.getI64IntegerAttr(pixels),
          $_builder.getI64IntegerAttr(groups), $_builder.getI64IntegerAttr(unroll),
          paired ? $_builder.getUnitAttr() : ::mlir::UnitAttr(),
          $_builder.getI64IntegerAttr(14));
  }]>];
  let extraClassDeclaration = [{
    /// Whether the inputs are bytes, expanded on the way.
    bool expands();
    /// Registers that it needs at least.
    int64_t fewestRegisters();
    /// Registers beside the sums and the two pointers.
    int64_t countTemporaries();
    /// Which of the operands of the assembly holds `count` on entry.
    int64_t getCountOperand();
    /// The instructions. Operands: sums, pointer to weights (moved), pointer to
    /// inputs (moved), temporaries; `name` gives their names.
    std::string getAssembly(::llvm::function_ref<std::string(int64_t)> name);
  }];
}
#endif
