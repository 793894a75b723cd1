// This file passes inputs and outputs of element types that C has none for as bytes: 8-bit floats bit by bit,
// smaller numbers packed as in an ONNX file, the first in the lowest bits.
#include "passes/legalize/Legalizer.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace dlc;
using namespace dlc::legalize;

/// Elements in a byte; 0 when C has a type for them.
static int64_t perByte(Type element) {
  if (!element.isIntOrFloat())
    return 0;
  unsigned width = element.getIntOrFloatBitWidth();
  if (width == 2 || width == 4)
    return 8 / width;
  return isa<FloatType>(element) && width == 8 ? 1 : 0;
}

static RankedTensorType storedType(RankedTensorType type) {
  Type byte = IntegerType::get(type.getContext(), 8);
  int64_t per = perByte(type.getElementType());
  if (per == 1)
    return type.clone(byte);
  return RankedTensorType::get({static_cast<int64_t>(llvm::divideCeil(type.getNumElements(), per))}, byte);
}

using Body = llvm::function_ref<Value(ImplicitLocOpBuilder &, Value in)>;

/// An elementwise operation on `in`, or one that computes each element of a
/// static result from its place when `in` is null.
static Value map(ImplicitLocOpBuilder &b, Value in, RankedTensorType type, Body body) {
  SmallVector<Value> sizes;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.isDynamicDim(d))
      sizes.push_back(tensor::DimOp::create(b, in, d));
  Value empty = tensor::EmptyOp::create(b, type.getShape(), type.getElementType(), sizes);
  SmallVector<AffineMap> maps(in ? 2 : 1, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(b, type, in ? ValueRange(in) : ValueRange(), empty, maps, loops,
                                      [&](OpBuilder &ob, Location loc, ValueRange v) {
                                        ImplicitLocOpBuilder ib(loc, ob);
                                        linalg::YieldOp::create(ib, body(ib, in ? v[0] : Value()));
                                      });
  return op.getResult(0);
}

static Value index(ImplicitLocOpBuilder &b, int64_t v) { return arith::ConstantIndexOp::create(b, v); }

static Value fromBytes(ImplicitLocOpBuilder &b, Value bytes, RankedTensorType type) {
  Type element = type.getElementType();
  int64_t per = perByte(element), width = 8 / per;
  if (per == 1)
    return map(b, bytes, type, [&](ImplicitLocOpBuilder &ib, Value in) -> Value {
      return arith::BitcastOp::create(ib, element, in);
    });
  return map(b, Value(), type, [&](ImplicitLocOpBuilder &ib, Value) -> Value {
    Value place = index(ib, 0); // in row-major order
    for (auto [d, size] : llvm::enumerate(type.getShape())) {
      Value at = linalg::IndexOp::create(ib, d);
      place = arith::AddIOp::create(ib, arith::MulIOp::create(ib, place, index(ib, size)), at);
    }
    Value count = index(ib, per);
    Value byte = tensor::ExtractOp::create(ib, bytes, ValueRange{arith::DivUIOp::create(ib, place, count)});
    Value shift = arith::MulIOp::create(ib, arith::RemUIOp::create(ib, place, count), index(ib, width));
    shift = arith::IndexCastOp::create(ib, byte.getType(), shift);
    Value bits = arith::TruncIOp::create(ib, ib.getIntegerType(width), arith::ShRUIOp::create(ib, byte, shift));
    return isa<FloatType>(element) ? Value(arith::BitcastOp::create(ib, element, bits)) : bits;
  });
}

static Value toBytes(ImplicitLocOpBuilder &b, Value values) {
  auto type = cast<RankedTensorType>(values.getType());
  RankedTensorType stored = storedType(type);
  Type element = type.getElementType();
  int64_t per = perByte(element), width = 8 / per, count = per == 1 ? 0 : type.getNumElements();
  if (per == 1)
    return map(b, values, stored, [&](ImplicitLocOpBuilder &ib, Value in) -> Value {
      return arith::BitcastOp::create(ib, ib.getI8Type(), in);
    });
  Value flat = values;
  auto flatType = RankedTensorType::get({count}, element);
  if (type.getRank() == 0) {
    flat = tensor::ExpandShapeOp::create(b, flatType, values, ArrayRef<ReassociationIndices>{});
  } else if (type.getRank() > 1) {
    ReassociationIndices all(type.getRank());
    std::iota(all.begin(), all.end(), 0);
    flat = tensor::CollapseShapeOp::create(b, flatType, values, ArrayRef<ReassociationIndices>{all});
  }
  return map(b, Value(), stored, [&](ImplicitLocOpBuilder &ib, Value) -> Value {
    Value first = arith::MulIOp::create(ib, linalg::IndexOp::create(ib, 0), index(ib, per));
    Value zero = arith::ConstantIntOp::create(ib, 0, 8), byte = zero;
    for (int64_t k = 0; k < per; ++k) {
      Value place = arith::AddIOp::create(ib, first, index(ib, k));
      Value safe = arith::MinUIOp::create(ib, place, index(ib, count - 1));
      Value bits = tensor::ExtractOp::create(ib, flat, ValueRange{safe});
      if (isa<FloatType>(element))
        bits = arith::BitcastOp::create(ib, ib.getIntegerType(width), bits);
      bits = arith::ExtUIOp::create(ib, ib.getI8Type(), bits);
      bits = arith::ShLIOp::create(ib, bits, arith::ConstantIntOp::create(ib, k * width, 8));
      // The last byte may have room left.
      Value exists = arith::CmpIOp::create(ib, arith::CmpIPredicate::ult, place, index(ib, count));
      byte = arith::OrIOp::create(ib, byte, arith::SelectOp::create(ib, exists, bits, zero));
    }
    return byte;
  });
}

bool dlc::legalize::isStoredAsBytes(Type element) { return perByte(element) != 0; }

void dlc::legalize::storeInterface(func::FuncOp func) {
  Block &entry = func.getBody().front();
  ImplicitLocOpBuilder b(func.getLoc(), func);
  // What the buffer of bytes is a tensor of, for header and manifest.
  auto noteShape = [&](StringRef facts, unsigned i, RankedTensorType type) {
    if (perByte(type.getElementType()) == 1)
      return;
    SmallVector<Attribute> infos(func->getAttrOfType<ArrayAttr>(facts).getValue());
    NamedAttrList info(cast<DictionaryAttr>(infos[i]));
    info.set("shape", b.getDenseI64ArrayAttr(type.getShape()));
    infos[i] = info.getDictionary(func.getContext());
    func->setAttr(facts, b.getArrayAttr(infos));
  };
  b.setInsertionPointToStart(&entry);
  for (BlockArgument argument : entry.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    if (!isStoredAsBytes(type.getElementType()))
      continue;
    argument.setType(storedType(type));
    Operation *before = b.getInsertionPoint() == entry.begin() ? nullptr : &*std::prev(b.getInsertionPoint());
    Value values = fromBytes(b, argument, type);
    // What was just made reads the bytes.
    llvm::SmallPtrSet<Operation *, 8> made;
    for (Operation *op = before ? before->getNextNode() : &entry.front(); op != &*b.getInsertionPoint();
         op = op->getNextNode())
      op->walk([&](Operation *inner) { made.insert(inner); });
    argument.replaceUsesWithIf(values, [&](OpOperand &use) { return !made.contains(use.getOwner()); });
    noteShape(rt::kInputs, argument.getArgNumber(), type);
  }
  Operation *ret = entry.getTerminator();
  b.setInsertionPoint(ret);
  for (OpOperand &result : ret->getOpOperands()) {
    auto type = cast<RankedTensorType>(result.get().getType());
    if (!isStoredAsBytes(type.getElementType()))
      continue;
    result.set(toBytes(b, result.get()));
    noteShape(rt::kOutputs, result.getOperandNumber(), type);
  }
  func.setType(b.getFunctionType(entry.getArgumentTypes(), ret->getOperandTypes()));
}
