// The onnx dialect: an ONNX protobuf as it was read, nothing interpreted.
#ifndef DLC_ONNX_OPS
#define DLC_ONNX_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def ONNX_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::dlc::onnx";
  let summary = "an ONNX model, faithfully";
  let description = [{
    Every ONNX node is one generic `onnx.node`, whatever its operator: the
    knowledge about operators is a table of the legalize stage, not of the IR.
  }];
  let useDefaultTypePrinterParser = 1;
}

class ONNX_Type<string name, string mn> : TypeDef<ONNX_Dialect, name> {
  let mnemonic = mn;
}
def ONNX_UnknownType : ONNX_Type<"Unknown", "unknown"> {
  let summary = "a value whose type the file does not state";
}
def ONNX_StringType : ONNX_Type<"String", "string"> {
  let summary = "element type of string tensors";
}
def ONNX_SparseType : ONNX_Type<"Sparse", "sparse"> {
  let summary = "a sparse tensor that holds what the dense type T says";
  let parameters = (ins "::mlir::Type":$denseType);
  let assemblyFormat = "`<` $denseType `>`";
}
def ONNX_MapType : ONNX_Type<"Map", "map"> {
  let summary = "ONNX map of K to V";
  let parameters = (ins "::mlir::Type":$keyType, "::mlir::Type":$valueType);
  let assemblyFormat = "`<` $keyType `,` $valueType `>`";
}
def ONNX_SequenceType : ONNX_Type<"Sequence", "seq"> {
  let summary = "ONNX sequence of T";
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}
def ONNX_OptionalType : ONNX_Type<"Optional", "optional"> {
  let summary = "ONNX optional of T";
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

class ONNX_Op<string mn, list<Trait> traits = []> : Op<ONNX_Dialect, mn, traits>;

def ONNX_GraphOp : ONNX_Op<"graph", [IsolatedFromAbove, Symbol,
    SingleBlockImplicitTerminator<"ReturnOp">]> {
  let summary = "the main graph of a model";
  let description = [{
    Block arguments are the graph's inputs without initializers, in order; the
    terminator's operands its outputs. `opsets` maps a domain ("ai.onnx" for the
    default one) to a version. `inputs` and `outputs` are arrays of dictionaries:
    `name`, `type` as the file states it, and `dims`, an array of i64 (static),
    strings (symbolic), or unit (unknown); absent `dims` means unknown rank.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DictionaryAttr:$opsets,
                       ArrayAttr:$inputs, ArrayAttr:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}

def ONNX_NodeOp : ONNX_Op<"node"> {
  let summary = "one ONNX node";
  let description = [{
    `op_type` and `domain` ("" is ai.onnx) name the operator, `opset` is the
    version of its domain that the model imports. `attrs` holds its attributes:
    INT i64, FLOAT f32, STRING string, TENSOR an elements attribute, INTS
    `array<i64>`, FLOATS `array<f32>`, STRINGS an array of strings,
    SPARSE_TENSOR an elements attribute, made dense, TYPE_PROTO a type, and
    TENSORS, SPARSE_TENSORS and TYPE_PROTOS arrays of these. GRAPH and GRAPHS
    attributes are the regions; `graph_names` names them in order. A
    region's block arguments are the inputs of its graph; values of outer scopes
    are used directly. A missing optional input is an `onnx.none`.

    ```mlir
    %y = onnx.node "Conv"(%x, %w) attributes {attrs = {group = 1 : i64}, opset = 17 : i64} : ...
    ```
  }];
  let arguments = (ins StrAttr:$op_type, DefaultValuedAttr<StrAttr, "\"\"">:$domain,
                       DefaultValuedAttr<DictionaryAttr, "{}">:$attrs,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$graph_names,
                       I64Attr:$opset, Variadic<AnyType>:$inputs);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region VariadicRegion<SizedRegion<1>>:$graphs);
  let assemblyFormat = [{
    $op_type `(` $inputs `)` $graphs attr-dict-with-keyword `:` functional-type($inputs, $outputs)
  }];
}

def ONNX_ConstantOp : ONNX_Op<"constant", [Pure]> {
  let summary = "an initializer";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs AnyType:$output);
  let assemblyFormat = "$value attr-dict `:` type($output)";
}

def ONNX_NoneOp : ONNX_Op<"none", [Pure]> {
  let summary = "an optional input that is not given";
  let results = (outs NoneType:$output);
  let assemblyFormat = "attr-dict";
}

def ONNX_ReturnOp : ONNX_Op<"return", [Pure, Terminator, ReturnLike]> {
  let summary = "the outputs of a graph";
  let arguments = (ins Variadic<AnyType>:$outputs);
  let builders = [OpBuilder<(ins), [{ (void)$_state; }]>];
  let assemblyFormat = "attr-dict ($outputs^ `:` type($outputs))?";
}
#endif
