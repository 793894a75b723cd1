// This file follows views of the last IR to what they look at.
#include "codegen/Origin.h"

#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace dlc;
using namespace dlc::codegen;

uint64_t codegen::elementBytes(Type type) {
  if (type.isIndex())
    return 8;
  return type.isIntOrFloat() ? llvm::divideCeil(type.getIntOrFloatBitWidth(), 8)
                             : 0;
}

Origin codegen::originOf(Value value) {
  Origin origin{value, 0};
  while (Operation *op = origin.base.getDefiningOp()) {
    if (auto view = dyn_cast<memref::ViewOp>(op)) {
      APInt shift;
      if (origin.offset && matchPattern(view.getByteShift(), m_ConstantInt(&shift)))
        *origin.offset += shift.getZExtValue();
      else
        origin.offset = std::nullopt;
      origin.base = view.getSource();
      continue;
    }
    auto viewLike = dyn_cast<ViewLikeOpInterface>(op);
    if (!viewLike)
      break;
    // Strided offsets are relative to the source, but reinterpret_cast's are not.
    if (isa<memref::SubViewOp>(op)) {
      auto offsetOf = [](Value v) -> std::optional<int64_t> {
        auto type = cast<MemRefType>(v.getType());
        SmallVector<int64_t> strides;
        int64_t offset;
        if (failed(type.getStridesAndOffset(strides, offset)) ||
            ShapedType::isDynamic(offset))
          return std::nullopt;
        return offset * elementBytes(type.getElementType());
      };
      auto here = offsetOf(op->getResult(0)), there = offsetOf(viewLike.getViewSource());
      if (origin.offset && here && there)
        *origin.offset += *here - *there;
      else
        origin.offset = std::nullopt;
    } else if (!isa<memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(op)) {
      origin.offset = std::nullopt;
    }
    origin.base = viewLike.getViewSource();
  }
  return origin;
}
