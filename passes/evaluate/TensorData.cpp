// This file moves tensors of the evaluator from and to constants.
#include "passes/evaluate/TensorData.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <cstring>

using namespace mlir;
using namespace dlc::evaluation;
using llvm::APInt;

SmallVector<int64_t, 6> Tensor::strides() const {
  SmallVector<int64_t, 6> result(shape.size(), 1);
  for (int64_t d = static_cast<int64_t>(shape.size()) - 2; d >= 0; --d)
    result[d] = result[d + 1] * std::max<int64_t>(shape[d + 1], 1);
  return result;
}

/// Number of elements; nothing when a size is negative or the product is
/// beyond what the budget can ever allow.
static std::optional<int64_t> countOf(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0)
      return std::nullopt;
    if (size == 0)
      empty = true;
    else if (__builtin_mul_overflow(count, size, &count) ||
             count > (int64_t(1) << 40))
      return std::nullopt;
  }
  return empty ? 0 : count;
}

TensorRef dlc::evaluation::makeTensor(const Element &element,
                                      ArrayRef<int64_t> shape, Budget &budget) {
  std::optional<int64_t> count = countOf(shape);
  if (!count)
    return nullptr;
  // A few hundred bytes of bookkeeping count, too: many tiny tensors add up.
  int64_t bytes = *count * element.bytes + 256;
  if (budget.bytes + bytes > budget.maxBytes || !budget.tick(*count / 16 + 1))
    return nullptr;
  auto tensor = std::make_shared<Tensor>();
  tensor->element = element;
  tensor->shape.assign(shape.begin(), shape.end());
  tensor->count = *count;
  tensor->storage.reset(new char[std::max<int64_t>(*count * element.bytes, 1)]());
  tensor->data = tensor->storage.get();
  tensor->ownedBytes = bytes;
  tensor->budget = &budget;
  budget.bytes += bytes;
  return tensor;
}

/// Whether attributes store the type as tensors of ours do.
static bool hasSameStorage(const Element &e) {
  return e.isInt() ? llvm::isPowerOf2_32(e.width) && e.width >= 8 : true;
}

TensorRef dlc::evaluation::importTensor(Attribute attr, Budget &budget) {
  auto elements = dyn_cast<ElementsAttr>(attr);
  if (!elements)
    return nullptr;
  auto type = cast<ShapedType>(elements.getType());
  std::optional<Element> e = elementOf(type.getElementType());
  if (!e || !type.hasStaticShape())
    return nullptr;

  ArrayRef<char> raw;
  bool splat = false;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    std::optional<int64_t> count = countOf(type.getShape());
    if (!blob || !hasSameStorage(*e) || !count ||
        blob->getData().size() != static_cast<size_t>(*count * e->bytes))
      return nullptr;
    raw = blob->getData();
  } else if (auto dense = dyn_cast<DenseIntOrFPElementsAttr>(attr)) {
    splat = dense.isSplat();
    if (hasSameStorage(*e))
      raw = dense.getRawData();
  } else {
    return nullptr;
  }

  if (!raw.empty() && !splat) {
    // Borrowed: constants outlive every evaluation.
    auto tensor = std::make_shared<Tensor>();
    tensor->element = *e;
    tensor->shape.assign(type.getShape().begin(), type.getShape().end());
    tensor->count = type.getNumElements();
    tensor->data = const_cast<char *>(raw.data());
    return tensor;
  }
  TensorRef tensor = makeTensor(*e, type.getShape(), budget);
  if (!tensor || tensor->count == 0)
    return tensor;
  auto dense = cast<DenseIntOrFPElementsAttr>(attr);
  auto put = [&](int64_t i, uint64_t bits) {
    std::memcpy(tensor->data + i * e->bytes, &bits, e->bytes); // little endian
  };
  if (splat) {
    uint64_t bits = 0;
    if (!raw.empty())
      std::memcpy(&bits, raw.data(), e->bytes);
    else
      bits = dense.getSplatValue<APInt>().getZExtValue();
    for (int64_t i = 0; i < tensor->count; ++i)
      put(i, bits);
  } else {
    for (auto [i, value] : llvm::enumerate(dense.getValues<APInt>()))
      put(i, value.getZExtValue());
  }
  return tensor;
}

TensorRef dlc::evaluation::unshared(TensorRef tensor, Budget &budget) {
  if (tensor.use_count() == 1 && tensor->isOwned())
    return tensor;
  TensorRef copy = makeTensor(tensor->element, tensor->shape, budget);
  if (copy)
    std::memcpy(copy->data, tensor->data, tensor->bytes());
  return copy;
}

TensorRef dlc::evaluation::viewOf(TensorRef tensor, const Element &element,
                                  ArrayRef<int64_t> shape, Budget &budget) {
  std::optional<int64_t> count = countOf(shape);
  if (!count || *count != tensor->size() ||
      element.bytes != tensor->element.bytes)
    return nullptr;
  TensorRef result;
  if (!tensor->isOwned()) { // share what is borrowed
    result = std::make_shared<Tensor>();
    result->data = tensor->data;
    result->count = tensor->count;
  } else {
    result = unshared(std::move(tensor), budget);
    if (!result)
      return nullptr;
  }
  result->element = element;
  result->shape.assign(shape.begin(), shape.end());
  return result;
}

DenseElementsAttr dlc::evaluation::exportTensor(const Tensor &tensor,
                                                Type elementType) {
  auto type = RankedTensorType::get(tensor.shape, elementType);
  const Element &e = tensor.element;
  int64_t n = tensor.size();
  bool splat = n > 0 && (n == 1 || std::memcmp(tensor.data, tensor.data + e.bytes,
                                               (n - 1) * e.bytes) == 0);
  int64_t stored = splat ? 1 : n;
  if (hasSameStorage(e))
    return DenseElementsAttr::getFromRawBuffer(
        type, ArrayRef<char>(tensor.data, stored * e.bytes));
  SmallVector<APInt> values;
  for (int64_t i = 0; i < stored; ++i) {
    uint64_t bits = 0;
    std::memcpy(&bits, tensor.data + i * e.bytes, e.bytes);
    values.push_back(APInt(e.width, bits, false, true));
  }
  return DenseElementsAttr::get(type, values);
}
