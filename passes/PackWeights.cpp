// This file stores constant weights in the order in which kernels read them.
#include "passes/Passes.h"

#include "passes/kernels/mve/Mve.h"

namespace dlc {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/Passes.h.inc"
} // namespace dlc

using namespace mlir;

namespace {
/// The constant behind `v`, which must be used as weights only.
DenseElementsAttr constantOf(Value v) {
  DenseElementsAttr value;
  return matchPattern(v, m_Constant(&value)) ? value : DenseElementsAttr();
}

/// Bytes of `value` with elements moved: element i of the result is element
/// `from(i)` of `value`, or zero where that is negative.
DenseElementsAttr permuted(DenseElementsAttr value, RankedTensorType type,
                           llvm::function_ref<int64_t(int64_t)> from) {
  if (value.isSplat()) {
    // Padding would be lost in a splat; write it out unless it is zero.
    SmallVector<Attribute> one{value.getSplatValue<Attribute>()};
    Attribute zero = Builder(type.getContext()).getZeroAttr(type.getElementType());
    SmallVector<Attribute> all;
    for (int64_t i = 0, n = type.getNumElements(); i < n; ++i)
      all.push_back(from(i) < 0 ? zero : one[0]);
    return DenseElementsAttr::get(type, all);
  }
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  ArrayRef<char> old = value.getRawData();
  std::vector<char> data(type.getNumElements() * bytes, 0);
  for (int64_t i = 0, n = type.getNumElements(); i < n; ++i)
    if (int64_t at = from(i); at >= 0)
      std::memcpy(&data[i * bytes], &old[at * bytes], bytes);
  return DenseElementsAttr::getFromRawBuffer(type, data);
}

/// Kernels with an order of their own.
template <typename Op> bool packOwnOrder(Op op) {
  if (!dlc::kernels::mve::isMve(op.getKernelAttr()))
    return false;
  dlc::kernels::mve::pack(op);
  return true;
}

/// [kernel..., C, O] to [group * panels, kernel..., C, P].
void pack(dlc::nn::ConvOp op) {
  if (packOwnOrder(op))
    return;
  DenseElementsAttr value = constantOf(op.getFilter());
  if (!value || op.getPacked() || op.getKernelAttr().getKind() != "gemm")
    return;
  auto old = cast<RankedTensorType>(op.getFilter().getType());
  int64_t width = op.getKernelAttr().getColumns();
  int64_t outputs = old.getShape().back(), group = op.getGroup();
  int64_t groupOutputs = outputs / group;
  int64_t panels = llvm::divideCeil(groupOutputs, width);
  int64_t inner = old.getNumElements() / outputs; // kernel positions * channels
  SmallVector<int64_t> shape{group * panels};
  llvm::append_range(shape, old.getShape().drop_back());
  shape.push_back(width);
  auto type = RankedTensorType::get(shape, old.getElementType());
  DenseElementsAttr packed = permuted(value, type, [&](int64_t i) -> int64_t {
    int64_t column = i % width, k = i / width % inner, panel = i / width / inner;
    int64_t o = panel % panels * width + column;
    if (o >= groupOutputs)
      return -1;
    return k * outputs + panel / panels * groupOutputs + o;
  });
  OpBuilder b(op);
  op.getFilterMutable().assign(arith::ConstantOp::create(b, op.getLoc(), type, packed));
  op.setPacked(width);
}

/// [K, N] to [panels, K, P].
void pack(dlc::nn::MatmulOp op) {
  if (packOwnOrder(op))
    return;
  DenseElementsAttr value = constantOf(op.getB());
  auto old = cast<RankedTensorType>(op.getB().getType());
  if (!value || op.getPacked() || old.getRank() != 2 || op.getKernelAttr().getKind() != "gemm")
    return;
  int64_t width = op.getKernelAttr().getColumns();
  int64_t depth = old.getDimSize(0), columns = old.getDimSize(1);
  int64_t panels = llvm::divideCeil(columns, width);
  auto type = RankedTensorType::get({panels, depth, width}, old.getElementType());
  DenseElementsAttr packed = permuted(value, type, [&](int64_t i) -> int64_t {
    int64_t n = i / width / depth * width + i % width;
    return n < columns ? i / width % depth * columns + n : -1;
  });
  OpBuilder b(op);
  op.getBMutable().assign(arith::ConstantOp::create(b, op.getLoc(), type, packed));
  op.setPacked(width);
}

struct PackWeights : dlc::impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto conv = dyn_cast<dlc::nn::ConvOp>(op); conv && conv.getKernelAttr())
        pack(conv);
      else if (auto matmul = dyn_cast<dlc::nn::MatmulOp>(op);
               matmul && matmul.getKernelAttr())
        pack(matmul);
    });
  }
};
} // namespace
