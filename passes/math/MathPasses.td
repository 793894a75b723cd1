// Passes that rid the last IR of math libraries and support routines.
#ifndef DLC_MATH_PASSES
#define DLC_MATH_PASSES

include "mlir/Pass/PassBase.td"

def ExpandMath : Pass<"dlc-expand-math", "::mlir::ModuleOp"> {
  let summary = "replace math operations that the target has no instruction for";
  let description = [{
    Generated code calls no math library. Every operation of the math dialect,
    and those of arith that LLVM would turn into library calls (remf, and
    maximumf, minimumf, maxnumf, minnumf without instructions for them), becomes
    arith, select and scf, unless #rt.target does it in one instruction:

    | operations | kept on |
    | --- | --- |
    | floor, ceil, trunc, round, roundeven | `round_f32`, `round_f64` |
    | sqrt, absf, copysign | `fpu_f32`, `fpu_f64` |
    | fma, vector.fma | `fma_f32`, `fma_f64` |
    | maxnumf, minnumf | x86, aarch64; 32-bit Arm with `round_*` |
    | maximumf, minimumf | x86, aarch64 |
    | ctpop, ctlz, cttz | aarch64; ctlz, cttz also on x86 and Arm from v7-M |

    Without #rt.target nothing is kept. Types: f32, f64 and vectors of them,
    fixed or scalable; f16, bf16 and f8 are computed in f32 (the conversions are
    dlc-expand-small-floats'). Larger bodies on scalars become private functions,
    one for each function and type (`@dlc_exp_f32`); on vectors they are inlined.

    ```mlir
    %y = math.exp %x : f32
    // becomes
    %y = func.call @dlc_exp_f32(%x) : (f32) -> f32
    ```

    Results are correctly rounded to within a few units in the last place over
    the whole range (test/math/README.md has the measured table), NaN, infinities,
    signed zeros and subnormals as in C's Annex F. Without fused operations
    results are the same bits on every target.
  }];
  let options = [
    Option<"fma", "fma", "bool", "true",
           "use fused multiply-add where the target has it">,
    Option<"inlineHelpers", "inline", "bool", "false",
           "inline large bodies on scalars, too">,
    Option<"vectorize", "vectorize", "bool", "true",
           "mark functions without branches `always_inline` where the target "
           "has vectors, so that LLVM vectorizes loops that call them">];
  let statistics = [
    Statistic<"numExpanded", "expanded", "operations expanded">,
    Statistic<"numHelpers", "helpers", "private functions made">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ExpandSmallFloats : Pass<"dlc-expand-small-floats", "::mlir::ModuleOp"> {
  let summary = "compute in f32 what is stored in f16, bf16 or f8";
  let description = [{
    Arithmetic on floats below 32 bits is done in f32, rounded after every
    operation, and conversions become integer operations: to nearest, ties to
    even, with subnormals, infinities and NaN. f64 is rounded once (to f32 with
    the last bit set where anything was lost, then to the small format). What
    overflows becomes infinity, NaN in formats without infinity. Small floats
    are storage afterwards: load, store, move, bitcast.

    ```mlir
    %2 = arith.addf %0, %1 : bf16
    // becomes
    %a = arith.bitcast %0 : bf16 to i16
    %b = arith.extui %a : i16 to i32
    %c = arith.shli %b, %c16_i32 : i32
    %d = arith.bitcast %c : i32 to f32
    ...
    %s = arith.addf %d, %h : f32
    ...
    %2 = arith.bitcast %r : i16 to bf16
    ```

    Run it after dlc-expand-math, which leaves conversions behind. Small floats
    that loops or branches carry stay what they are.
  }];
  let options = [
    Option<"nativeConversions", "native-conversions", "bool", "true",
           "keep conversions between f16 and f32 where the target has "
           "instructions for them (`convert_f16`)">];
  let statistics = [
    Statistic<"numComputed", "computed", "operations done in f32">,
    Statistic<"numConverted", "converted", "conversions expanded">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}
#endif
