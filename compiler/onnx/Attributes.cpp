// This file converts node attributes that are not graphs.
#include "compiler/onnx/GraphImporter.h"
#include "compiler/onnx/Messages.h"

using namespace mlir;

namespace dlc::import {

pb::AttributeProto::AttributeType attributeType(const pb::AttributeProto &attr) {
  if (attr.type() != pb::AttributeProto::UNDEFINED)
    return attr.type();
  if (attr.has_f())
    return pb::AttributeProto::FLOAT;
  if (attr.has_i())
    return pb::AttributeProto::INT;
  if (attr.has_s())
    return pb::AttributeProto::STRING;
  if (attr.has_t())
    return pb::AttributeProto::TENSOR;
  if (attr.has_g())
    return pb::AttributeProto::GRAPH;
  if (attr.has_sparse_tensor())
    return pb::AttributeProto::SPARSE_TENSOR;
  if (attr.has_tp())
    return pb::AttributeProto::TYPE_PROTO;
  if (attr.floats_size())
    return pb::AttributeProto::FLOATS;
  if (attr.ints_size())
    return pb::AttributeProto::INTS;
  if (attr.strings_size())
    return pb::AttributeProto::STRINGS;
  if (attr.tensors_size())
    return pb::AttributeProto::TENSORS;
  if (attr.graphs_size())
    return pb::AttributeProto::GRAPHS;
  if (attr.sparse_tensors_size())
    return pb::AttributeProto::SPARSE_TENSORS;
  if (attr.type_protos_size())
    return pb::AttributeProto::TYPE_PROTOS;
  return pb::AttributeProto::UNDEFINED;
}

FailureOr<Attribute> GraphImporter::convertAttribute(Location loc,
                                                     const pb::AttributeProto &attr) {
  std::string what = "attribute " + quote(attr.name());
  auto list = [&](const auto &values, auto convert) -> FailureOr<Attribute> {
    SmallVector<Attribute> converted;
    for (const auto &value : values) {
      FailureOr<Attribute> one = convert(value);
      if (failed(one))
        return failure();
      converted.push_back(*one);
    }
    return Attribute(builder.getArrayAttr(converted));
  };
  using Result = FailureOr<Attribute>;
  auto tensor = [&](const pb::TensorProto &value) -> Result {
    auto elements = tensors.read(loc, what, value);
    return succeeded(elements) ? Result(*elements) : Result(failure());
  };
  auto sparse = [&](const pb::SparseTensorProto &value) -> Result {
    auto elements = tensors.readSparse(loc, what, value);
    return succeeded(elements) ? Result(*elements) : Result(failure());
  };
  auto type = [&](const pb::TypeProto &value) -> Result {
    auto converted = convertType(loc, value, ShapeBindings());
    return succeeded(converted) ? Result(TypeAttr::get(*converted)) : Result(failure());
  };
  // A scalar that is absent is zero: proto3 writers leave it out.
  switch (attributeType(attr)) {
  case pb::AttributeProto::FLOAT:
    return Attribute(builder.getF32FloatAttr(attr.f()));
  case pb::AttributeProto::INT:
    return Attribute(builder.getI64IntegerAttr(attr.i()));
  case pb::AttributeProto::STRING:
    return Attribute(builder.getStringAttr(attr.s()));
  case pb::AttributeProto::FLOATS:
    return Attribute(builder.getDenseF32ArrayAttr(
        ArrayRef<float>(attr.floats().data(), attr.floats_size())));
  case pb::AttributeProto::INTS:
    return Attribute(builder.getDenseI64ArrayAttr(
        SmallVector<int64_t>(attr.ints().begin(), attr.ints().end())));
  case pb::AttributeProto::STRINGS:
    return list(attr.strings(), [&](const std::string &s) -> FailureOr<Attribute> {
      return Attribute(builder.getStringAttr(s));
    });
  case pb::AttributeProto::TENSOR:
    if (!attr.has_t())
      return fail(loc, what + " has no tensor");
    return tensor(attr.t());
  case pb::AttributeProto::SPARSE_TENSOR:
    if (!attr.has_sparse_tensor())
      return fail(loc, what + " has no sparse tensor");
    return sparse(attr.sparse_tensor());
  case pb::AttributeProto::TYPE_PROTO:
    if (!attr.has_tp())
      return fail(loc, what + " has no type");
    return type(attr.tp());
  case pb::AttributeProto::TENSORS:
    return list(attr.tensors(), tensor);
  case pb::AttributeProto::SPARSE_TENSORS:
    return list(attr.sparse_tensors(), sparse);
  case pb::AttributeProto::TYPE_PROTOS:
    return list(attr.type_protos(), type);
  default:
    return fail(loc, what + " has no value");
  }
}

} // namespace dlc::import
