// The nn dialect: the operations whose kernels decide the speed of a network.
#ifndef DLC_NN_OPS
#define DLC_NN_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::dlc::nn";
  let summary = "contractions of neural networks, with fused epilogues";
  let description = [{
    Upstream linalg has no convolution with groups, any rank, and an epilogue.
    Everything that is not a contraction stays linalg. Operations are in
    destination style and work on tensors (before the memory stage) and
    memrefs (after it).

    An epilogue is a region that maps one accumulated element to one stored
    element. Its block arguments are the accumulator, then one element of each
    epilogue operand. An epilogue operand has either the shape of the output or
    rank 1 with the size of the output's channel dimension (bias, scales).

    On buffers a contraction may have a `scratch` operand: bytes that its kernel
    writes before it reads them. dlc-allocate-scratch adds it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let useDefaultAttributePrinterParser = 1;
}

def NN_KernelAttr : AttrDef<NN_Dialect, "Kernel"> {
  let mnemonic = "kernel";
  let summary = "the micro-kernel chosen for a contraction";
  let description = [{
    `gemm`: a tile of `rows` results of M (or neighbouring positions of the last
    spatial dimension) by one panel of `columns` channels stays in registers while
    all products are summed. `depthwise`: `rows` positions by `lanes` channels.
    A vector has `lanes` elements (times vscale when `scalable`); `lanes` 1 means
    scalars. `depth` elements of a row are loaded at once.
  }];
  let parameters = (ins
    StringRefParameter<"gemm or depthwise">:$kind,
    "int64_t":$rows, "int64_t":$columns, "int64_t":$lanes,
    DefaultValuedParameter<"int64_t", "1">:$depth,
    DefaultValuedParameter<"bool", "false">:$scalable);
  let assemblyFormat = "`<` struct(params) `>`";
}

def NN_Shaped : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef]>;

class NN_Contraction<string mn, list<Trait> traits = []> :
    Op<NN_Dialect, mn, traits # [
       DeclareOpInterfaceMethods<DestinationStyleOpInterface>,
       DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
       AttrSizedOperandSegments,
       SingleBlockImplicitTerminator<"YieldOp">]>;

def NN_ConvOp : NN_Contraction<"conv"> {
  let summary = "convolution (cross-correlation) of any spatial rank";
  let description = [{
    input [N, C, spatial...] or, with `channels_last`, [N, spatial..., C];
    filter [O, C/group, kernel...] or, with `channels_last`,
    [kernel..., C/group, O]; init and result like the input with O channels.
    With `packed` = P > 0 (channels last only) the filter is
    [group * ceil(O/group / P), kernel..., C/group, P], zero where O/group ends.
    With `filter_shape` the filter is rank 1: bytes in an order of the kernel's own;
    filter_shape has the sizes [kernel..., C/group, O] (channels last only).
    `pads` (spatial dimensions: all begins, then all ends) surround the input with
    `pad_value` (default 0). Up to the tile stage padding is a `tensor.pad`;
    dlc-fold-pads moves it here where the kernel takes it.
    Source: ONNX Conv-22.
  }];
  let arguments = (ins NN_Shaped:$input, NN_Shaped:$filter,
    Variadic<NN_Shaped>:$epilogue_inputs, NN_Shaped:$init,
    Optional<AnyMemRef>:$scratch,
    DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
    OptionalAttr<DenseI64ArrayAttr>:$pads, OptionalAttr<TypedAttrInterface>:$pad_value,
    DefaultValuedAttr<I64Attr, "1">:$group,
    DefaultValuedAttr<BoolAttr, "false">:$channels_last,
    DefaultValuedAttr<I64Attr, "0">:$packed,
    OptionalAttr<DenseI64ArrayAttr>:$filter_shape,
    OptionalAttr<NN_KernelAttr>:$kernel);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let regions = (region SizedRegion<1>:$epilogue);
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input,
      "::mlir::Value":$filter, "::mlir::ValueRange":$epilogueInputs,
      "::mlir::Value":$init, "::mlir::DenseI64ArrayAttr":$strides,
      "::mlir::DenseI64ArrayAttr":$dilations, "::mlir::IntegerAttr":$group,
      "::mlir::BoolAttr":$channelsLast), [{
    build($_builder, $_state, ::mlir::TypeRange(result), input, filter, epilogueInputs,
          init, ::mlir::Value(), strides, dilations, ::mlir::DenseI64ArrayAttr(),
          ::mlir::TypedAttr(), group, channelsLast,
          $_builder.getI64IntegerAttr(0), ::mlir::DenseI64ArrayAttr(), KernelAttr());
  }]>];
  let extraClassDeclaration = [{
    unsigned getSpatialRank() { return getStrides().size(); }
    /// Size of kernel dimension `d`.
    int64_t getKernelSize(unsigned d);
    /// Elements of padding before and after spatial dimension `d`.
    int64_t getPadBefore(unsigned d) { return getPads() ? (*getPads())[d] : 0; }
    int64_t getPadAfter(unsigned d) {
      return getPads() ? (*getPads())[getSpatialRank() + d] : 0;
    }
    /// Whether any dimension is padded.
    bool isPadded();
    /// The element of padding: `pad_value`, or zero.
    ::mlir::TypedAttr getPadElement();
    /// Input channels of one group.
    int64_t getGroupChannels();
    unsigned getChannelDim() {
      return getChannelsLast() ? getSpatialRank() + 1 : 1;
    }
    /// Type that products are summed in: argument 0 of the epilogue.
    ::mlir::Type getAccumulatorType() {
      return getEpilogue().front().getArgument(0).getType();
    }
  }];
  let assemblyFormat = [{
    `ins` `(` $input `,` $filter `:` type($input) `,` type($filter) `)`
    (`epilogue` `(` $epilogue_inputs^ `:` type($epilogue_inputs) `)`)?
    `outs` `(` $init `:` type($init) `)`
    (`scratch` `(` $scratch^ `:` type($scratch) `)`)? attr-dict-with-keyword
    $epilogue (`->` type($result)^)?
  }];
}

def NN_MatmulOp : NN_Contraction<"matmul"> {
  let summary = "batched matrix product";
  let description = [{
    a [batch..., M, K], b [batch..., K, N] or [K, N] (shared by all batches),
    init [batch..., M, N]. The channel dimension of epilogue operands is N.
    With `packed` = P > 0, b is [ceil(N / P), K, P], zero where N ends. With a kernel,
    b may be rank 1: bytes in an order of the kernel's own.
    Source: ONNX MatMul-13, Gemm-13.
  }];
  let arguments = (ins NN_Shaped:$a, NN_Shaped:$b,
    Variadic<NN_Shaped>:$epilogue_inputs, NN_Shaped:$init,
    Optional<AnyMemRef>:$scratch,
    DefaultValuedAttr<I64Attr, "0">:$packed,
    OptionalAttr<NN_KernelAttr>:$kernel);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let regions = (region SizedRegion<1>:$epilogue);
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$a,
      "::mlir::Value":$b, "::mlir::ValueRange":$epilogueInputs,
      "::mlir::Value":$init), [{
    build($_builder, $_state, ::mlir::TypeRange(result), a, b, epilogueInputs, init,
          ::mlir::Value(), $_builder.getI64IntegerAttr(0), KernelAttr());
  }]>];
  let extraClassDeclaration = [{
    unsigned getChannelDim() {
      return ::mlir::cast<::mlir::ShapedType>(getInit().getType()).getRank() - 1;
    }
    ::mlir::Type getAccumulatorType() {
      return getEpilogue().front().getArgument(0).getType();
    }
  }];
  let assemblyFormat = [{
    `ins` `(` $a `,` $b `:` type($a) `,` type($b) `)`
    (`epilogue` `(` $epilogue_inputs^ `:` type($epilogue_inputs) `)`)?
    `outs` `(` $init `:` type($init) `)`
    (`scratch` `(` $scratch^ `:` type($scratch) `)`)? attr-dict-with-keyword
    $epilogue (`->` type($result)^)?
  }];
}

class NN_QuantizeBase<string mn> : Op<NN_Dialect, mn, [Pure]> {
  let arguments = (ins AnyRankedTensor:$input, DenseF64ArrayAttr:$scales,
    DenseI64ArrayAttr:$zero_points, OptionalAttr<I64Attr>:$axis, I64Attr:$lo, I64Attr:$hi);
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
  code quantizedDeclarations = [{
    bool isPerTensor() { return !getAxis(); }
    /// Whether stored integers are unsigned.
    bool isUnsigned() { return static_cast<int64_t>(getLo()) == 0; }
    /// Whether `other` (a QuantizeOp or DequantizeOp) has the same parameters.
    template <typename Other> bool sameParameters(Other other) {
      return getScales() == other.getScales() && getZeroPoints() == other.getZeroPoints() &&
             getAxis() == other.getAxis() && getLo() == other.getLo() &&
             getHi() == other.getHi();
    }
  }];
  let extraClassDeclaration = quantizedDeclarations;
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def NN_QuantizeOp : NN_QuantizeBase<"quantize"> {
  let summary = "clamp(round_half_even(x / scale) + zero_point, lo, hi)";
  let description = [{
    From f32 of any rank to integers of at most 16 bits, which hold lo to hi;
    lo = 0 means unsigned. One scale and zero point, or one for each element of
    dimension `axis`. Lives from legalize to the end of the quantize stage.
    Source: ONNX QuantizeLinear-21.
  }];
}

def NN_DequantizeOp : NN_QuantizeBase<"dequantize"> {
  let summary = "(x - zero_point) * scale";
  let description = [{
    The inverse of nn.quantize, to f32. Source: ONNX DequantizeLinear-21.
  }];
}

def NN_YieldOp : Op<NN_Dialect, "yield", [Pure, Terminator, ReturnLike]> {
  let summary = "the element that an epilogue stores";
  let arguments = (ins Variadic<AnyType>:$values);
  let builders = [OpBuilder<(ins), [{ (void)$_state; }]>];
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}
#endif
