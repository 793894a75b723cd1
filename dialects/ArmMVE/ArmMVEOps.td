// The arm_mve dialect: instructions of Helium that upstream has no operation for.
#ifndef DLC_ARM_MVE_OPS
#define DLC_ARM_MVE_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def ArmMVE_Dialect : Dialect {
  let name = "arm_mve";
  let cppNamespace = "::dlc::arm_mve";
  let summary = "instructions of the M-profile Vector Extension (Helium)";
  let description = [{
    Only what vector and arith cannot say, or what compilers do not find in C++:
    sums over lanes into a scalar register, products and extensions of every
    other lane, saturating narrowing, and loads and stores of the first lanes.
    An operation becomes an LLVM intrinsic in the object and an ACLE intrinsic
    (arm_mve.h) in C++. Vectors have 128 bits.
  }];
}

class MVE_Op<string mn, list<Trait> traits = []> : Op<ArmMVE_Dialect, mn, traits>;

def MVE_I8 : FixedVectorOfLengthAndType<[16], [I8]>;
def MVE_I16 : FixedVectorOfLengthAndType<[8], [I16]>;
def MVE_I32 : FixedVectorOfLengthAndType<[4], [I32]>;
def MVE_F32 : FixedVectorOfLengthAndType<[4], [F32]>;
def MVE_Any : AnyTypeOf<[MVE_I8, MVE_I16, MVE_I32, MVE_F32]>;

def MVE_VmladavaOp : MVE_Op<"vmladava", [Pure, TypesMatchWith<"result is an accumulator",
    "acc", "result", "$_self">]> {
  let summary = "acc plus the sum of all products of signed lanes";
  let arguments = (ins I32:$acc, AnyTypeOf<[MVE_I8, MVE_I16]>:$a, AnyTypeOf<[MVE_I8, MVE_I16]>:$b);
  let results = (outs I32:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$acc `,` $a `,` $b attr-dict `:` type($acc) `,` type($a) `,` type($b)";
}

def MVE_VmullOp : MVE_Op<"vmull", [Pure, AllTypesMatch<["a", "b"]>]> {
  let summary = "widening products of the even (or, with `top`, odd) signed lanes";
  let arguments = (ins AnyTypeOf<[MVE_I8, MVE_I16]>:$a, AnyTypeOf<[MVE_I8, MVE_I16]>:$b, UnitAttr:$top);
  let results = (outs AnyTypeOf<[MVE_I16, MVE_I32]>:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$a `,` $b (`top` $top^)? attr-dict `:` type($a) `->` type($result)";
}

def MVE_VmovlOp : MVE_Op<"vmovl", [Pure]> {
  let summary = "sign extension of the even (or, with `top`, odd) lanes";
  let arguments = (ins AnyTypeOf<[MVE_I8, MVE_I16]>:$a, UnitAttr:$top);
  let results = (outs AnyTypeOf<[MVE_I16, MVE_I32]>:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$a (`top` $top^)? attr-dict `:` type($a) `->` type($result)";
}

def MVE_VmulhOp : MVE_Op<"vmulh", [Pure, SameOperandsAndResultType]> {
  let summary = "upper halves of the products of signed lanes";
  let arguments = (ins MVE_I32:$a, MVE_I32:$b);
  let results = (outs MVE_I32:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a)";
}

def MVE_VqmovnOp : MVE_Op<"vqmovn", [Pure, AllTypesMatch<["into", "result"]>]> {
  let summary = "`into` with its even (or, with `top`, odd) lanes replaced by narrowed lanes";
  let description = [{
    Lanes of `a` are shifted right by `shift` (0 to the result's width), rounded to
    the nearest (ties up), and saturated. There is no form that rounds down: GNU
    assemblers up to 2.40 encode vqshrn as vqrshrn.
  }];
  let arguments = (ins AnyTypeOf<[MVE_I8, MVE_I16]>:$into, AnyTypeOf<[MVE_I16, MVE_I32]>:$a,
    DefaultValuedAttr<I32Attr, "0">:$shift, UnitAttr:$top);
  let results = (outs AnyTypeOf<[MVE_I8, MVE_I16]>:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$into `,` $a (`top` $top^)? attr-dict `:` type($into) `,` type($a)";
}

def MVE_VqaddOp : MVE_Op<"vqadd", [Pure, SameOperandsAndResultType]> {
  let summary = "saturating sums of signed lanes";
  let arguments = (ins MVE_I16:$a, MVE_I16:$b);
  let results = (outs MVE_I16:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a)";
}

def MVE_LoadOp : MVE_Op<"load", [AttrSizedOperandSegments]> {
  let summary = "a vector, extended when memory is narrower, or its first lanes";
  let description = [{
    With `first` only that many lanes are read; the others are 0. Narrower integers are
    sign-extended, with `zeroes` zero-extended. `words` promises an address that is a
    multiple of 4, for which larger offsets fit in one instruction.
  }];
  let arguments = (ins Arg<AnyStridedMemRef, "", [MemRead]>:$base, Variadic<Index>:$indices,
    Optional<Index>:$first, UnitAttr:$words, UnitAttr:$zeroes);
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$base,
      "::mlir::ValueRange":$indices, "::mlir::Value":$first, "bool":$words), [{
    build($_builder, $_state, result, base, indices, first, words, /*zeroes=*/false);
  }]>];
  let results = (outs MVE_Any:$result);
  let hasVerifier = 1;
  let assemblyFormat = [{
    $base `[` $indices `]` (`first` $first^)? attr-dict `:` type($base) `->` type($result)
  }];
}

def MVE_StoreOp : MVE_Op<"store", [AttrSizedOperandSegments]> {
  let summary = "stores a vector, truncated when memory is narrower, or its first lanes";
  let arguments = (ins MVE_Any:$value, Arg<AnyStridedMemRef, "", [MemWrite]>:$base,
    Variadic<Index>:$indices, Optional<Index>:$first);
  let hasVerifier = 1;
  let assemblyFormat = [{
    $value `,` $base `[` $indices `]` (`first` $first^)? attr-dict `:` type($value) `,` type($base)
  }];
}

def MVE_Vld4Op : MVE_Op<"vld4"> {
  let summary = "16 neighbouring words, word i in lane i/4 of result i%4";
  let arguments = (ins Arg<AnyStridedMemRef, "", [MemRead]>:$base, Variadic<Index>:$indices);
  let results = (outs MVE_I32:$r0, MVE_I32:$r1, MVE_I32:$r2, MVE_I32:$r3);
  let hasVerifier = 1;
  let assemblyFormat = [{
    $base `[` $indices `]` attr-dict `:` type($base) `->` type($r0) `,` type($r1) `,` type($r2) `,` type($r3)
  }];
}

def MVE_AnewOp : MVE_Op<"anew", [TypesMatchWith<"result is an index", "index", "result", "$_self">]> {
  let summary = "the same index, but compilers do not know it";
  let description = [{
    What is the same in every round of a loop and does not fit the eight vector
    registers is otherwise loaded before the loop and kept on the stack.
  }];
  let arguments = (ins Index:$index);
  let results = (outs Index:$result);
  let assemblyFormat = "$index attr-dict `:` type($index)";
}

def MVE_DotOp : MVE_Op<"dot"> {
  let summary = "products of one or two rows of inputs with four or eight channels, summed";
  let description = [{
    Element c of result r * channels / 4 + i is the sum, over all products k, of
    input k of row r and weight k of channel 4 i + c. A vector has 16 products of bytes,
    or 8 when inputs or weights have 16 bits (bytes are extended then). A row is `runs`
    times `vectors` vectors and `rest` neighbouring elements that start `runStride` bytes
    apart; rows start `rowStride` bytes apart. With `rest` there is one run. Weights lie
    in passes (channels 0, 2 then 1, 3 of two rows; all of one row), vectors, channels of
    the pass, and products of a vector, zero where a row has ended.

    It is one operation because the core is at full speed only when products and other
    instructions alternate, and sums need even registers: an object and the C++ get
    the same assembly. Up to `straight` vectors are written out, more are loops.

    ```mlir
    %s:2 = arm_mve.dot %w[%i], %x[%j] {rows = 2, channels = 4, passes = 2, runs = 3, vectors = 3,
        rest = 0, runStride = 512, rowStride = 16, straight = 12}
        : memref<2304xi8>, memref<16384xi8> -> vector<4xi32>, vector<4xi32>
    ```
  }];
  let arguments = (ins Arg<MemRefRankOf<[I8, I16], [1]>, "weights", [MemRead]>:$weights, Index:$weightAt,
    Arg<MemRefRankOf<[I8, I16], [1]>, "inputs", [MemRead]>:$inputs, Index:$inputAt,
    I64Attr:$rows, I64Attr:$channels, I64Attr:$passes, I64Attr:$runs, I64Attr:$vectors, I64Attr:$rest,
    I64Attr:$runStride, I64Attr:$rowStride, I64Attr:$straight);
  let results = (outs Variadic<MVE_I32>:$results);
  let assemblyFormat = [{
    $weights `[` $weightAt `]` `,` $inputs `[` $inputAt `]` attr-dict
    `:` type($weights) `,` type($inputs) `->` type($results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What an operand of the assembly is: a result, a vector or a scalar of its own
    /// (sums need even registers), or a pointer that is moved.
    enum class Operand { Result, Vector, Sum, Scalar, Inputs, Weights };
    ::llvm::SmallVector<Operand> getAssemblyOperands();
    /// The instructions; `name` gives the names of these operands.
    std::string getAssembly(::llvm::function_ref<std::string(int64_t)> name);
    /// Products of a vector.
    int64_t getLanes();
    /// Bytes at `pointer` are extended as they are loaded: of r0 to r7 only.
    bool extends(Operand pointer);
    /// lr is not one of the operands, but written.
    bool changesLr();
  }];
}
#endif
