// This file finds how a constant can be stored in few bits: by its values, not by where they come from.
#include "passes/compress/Scheme.h"

#include "mlir/IR/BuiltinTypes.h"

#include <cmath>

using namespace mlir;
using namespace dlc::compress;

namespace {
/// Differences of numbers of 8 bits, and therefore multiples of a scale.
constexpr double kMostMultiples = 511;
constexpr float kLeastScale = 1e-30f; // products stay normal numbers

/// Elements of one group.
struct Numbers {
  float scale = 0;
  SmallVector<int32_t> of;
};

/// A scale and integers whose product, rounded to f32, is each of `values`.
std::optional<Numbers> multiplesOf(ArrayRef<float> values) {
  double least = INFINITY, most = 0;
  for (float v : values) {
    if (!std::isfinite(v))
      return std::nullopt;
    if (v != 0)
      least = std::min(least, std::abs(double(v)));
    most = std::max(most, std::abs(double(v)));
  }
  Numbers result;
  result.of.resize(values.size());
  if (most == 0)
    return result;
  // The smallest element is some multiple; the first that fits gives the largest scale.
  for (int64_t multiple = 1; most * multiple <= least * kMostMultiples; ++multiple) {
    double scale = least / multiple;
    bool fits = true;
    for (size_t i = 0; i < values.size() && fits; ++i) {
      double q = values[i] / scale, number = std::nearbyint(q);
      result.of[i] = number;
      fits = std::abs(q - number) < 1e-4;
    }
    if (!fits)
      continue;
    // Scales whose products round to the elements, one by one.
    double low = 0, high = INFINITY;
    for (auto [v, number] : llvm::zip_equal(values, result.of)) {
      if (number == 0)
        continue;
      float a = std::abs(v);
      double n = std::abs(number), half = (double(std::nextafter(a, INFINITY)) - a) / 2;
      low = std::max(low, (a - half) / n);
      high = std::min(high, (a + half) / n);
    }
    float s = std::nextafter(static_cast<float>(low), 0.0f);
    for (int tries = 0; tries < 16 && s <= high && s > kLeastScale; ++tries, s = std::nextafter(s, INFINITY))
      if (llvm::all_of(llvm::zip_equal(values, result.of), [&](auto pair) {
            return s * static_cast<float>(std::get<1>(pair)) == std::get<0>(pair);
          })) {
        result.scale = s;
        return result;
      }
  }
  return std::nullopt;
}

/// Walks the blocks of a constant.
struct Blocks {
  ArrayRef<int64_t> shape;
  SmallVector<int64_t> block, count, strides;

  Blocks(ArrayRef<int64_t> shape, ArrayRef<int64_t> block) : shape(shape), block(block), strides(shape.size()) {
    int64_t stride = 1;
    for (int64_t d = shape.size() - 1; d >= 0; --d) {
      strides[d] = stride;
      stride *= shape[d];
    }
    for (auto [size, b] : llvm::zip_equal(shape, block))
      count.push_back(llvm::divideCeil(size, b));
  }
  int64_t groups() const {
    int64_t n = 1;
    for (int64_t c : count)
      n *= c;
    return n;
  }
  /// Elements of group `g`, or the first ones when they are more than `most`.
  void elements(int64_t g, SmallVectorImpl<int64_t> &result, size_t most = SIZE_MAX) const {
    result.assign({0});
    for (int64_t d = shape.size() - 1; d >= 0; --d) {
      int64_t first = g % count[d] * block[d], end = std::min(first + block[d], shape[d]);
      g /= count[d];
      size_t old = result.size();
      for (int64_t i = first + 1; i < end && result.size() < most; ++i)
        for (size_t j = 0; j < old; ++j)
          result.push_back(result[j] + i * strides[d]);
      for (size_t j = 0; j < old; ++j)
        result[j] += first * strides[d];
    }
  }
};

/// Bits that hold numbers from 0 to `span`; 0 when 8 do not.
unsigned bitsFor(int64_t span) {
  for (unsigned bits : {2, 4, 8})
    if (span < int64_t(1) << bits)
      return bits;
  return 0;
}

/// What is read of a constant.
struct Source {
  SmallVector<int64_t> shape;
  bool isFloat;
  std::vector<float> floats;
  std::vector<int16_t> integers;
  unsigned elementBits;
  int64_t size() const { return isFloat ? floats.size() : integers.size(); }
};

/// The scheme with groups of `block`.
std::optional<Scheme> schemeFor(const Source &source, ArrayRef<int64_t> block) {
  Blocks blocks(source.shape, block);
  int64_t groups = blocks.groups(), n = source.size();
  Scheme s;
  s.block.assign(block.begin(), block.end());
  SmallVector<int64_t> elements;
  SmallVector<float> values;
  if (source.isFloat) { // most floats fail at once
    blocks.elements(0, elements, 64);
    for (int64_t i : elements)
      values.push_back(source.floats[i]);
    if (!multiplesOf(values))
      return std::nullopt;
  }
  std::vector<int64_t> lows(groups);
  s.numbers.resize(n);
  s.lowOf.resize(n);
  int64_t span = 0, low = INT64_MAX, high = INT64_MIN;
  for (int64_t g = 0; g < groups; ++g) {
    blocks.elements(g, elements);
    int64_t least = INT64_MAX, most = INT64_MIN;
    if (source.isFloat) {
      values.clear();
      for (int64_t i : elements)
        values.push_back(source.floats[i]);
      std::optional<Numbers> numbers = multiplesOf(values);
      if (!numbers)
        return std::nullopt;
      s.scales.push_back(numbers->scale);
      for (auto [i, number] : llvm::zip_equal(elements, numbers->of))
        s.numbers[i] = number;
    } else {
      for (int64_t i : elements)
        s.numbers[i] = source.integers[i];
    }
    for (int64_t i : elements) {
      least = std::min<int64_t>(least, s.numbers[i]);
      most = std::max<int64_t>(most, s.numbers[i]);
    }
    lows[g] = least;
    span = std::max(span, most - least);
    low = std::min(low, least);
    high = std::max(high, most);
    if (!bitsFor(span))
      return std::nullopt;
  }
  s.bits = bitsFor(span);
  int64_t half = int64_t(1) << (s.bits - 1);
  if (bitsFor(high - low) == s.bits) {
    s.isSigned = low >= -half && high < half;
    s.low = s.isSigned ? -half : low >= 0 && high < 2 * half ? 0 : low;
    std::fill(s.lowOf.begin(), s.lowOf.end(), s.isSigned ? 0 : s.low);
    return s;
  }
  for (int64_t g = 0; g < groups; ++g) {
    s.lows.push_back(lows[g]);
    blocks.elements(g, elements);
    for (int64_t i : elements)
      s.lowOf[i] = lows[g];
  }
  return s;
}
} // namespace

bool Scheme::hasWideLows() const {
  return llvm::any_of(lows, [](int16_t v) { return v < -128 || v > 127; });
}

int64_t Scheme::tableBytes() const {
  return scales.size() * 4 + lows.size() * (hasWideLows() ? 2 : 1);
}

SmallVector<int64_t> Scheme::groups(ArrayRef<int64_t> shape) const {
  return Blocks(shape, block).count;
}

std::optional<Scheme> dlc::compress::schemeOf(DenseElementsAttr value, bool wholeRows) {
  auto type = cast<ShapedType>(value.getType());
  Type element = type.getElementType();
  Source source;
  source.shape.assign(type.getShape().begin(), type.getShape().end());
  source.isFloat = element.isF32();
  bool isInteger = element.isInteger(4) || element.isInteger(2) || element.isInteger(8) || element.isInteger(16);
  if ((!source.isFloat && !isInteger) || type.getNumElements() < 2 || source.shape.size() > 6)
    return std::nullopt;
  source.elementBits = std::max(8u, element.getIntOrFloatBitWidth()); // as stored otherwise
  if (source.isFloat) {
    source.floats.assign(value.value_begin<float>(), value.value_end<float>());
  } else {
    source.integers.reserve(type.getNumElements());
    for (const APInt &v : value.getValues<APInt>())
      source.integers.push_back(v.getSExtValue());
  }

  // All dimensions whole or element by element, one of them perhaps in blocks.
  std::vector<std::pair<int64_t, SmallVector<int64_t>>> candidates; // groups, block
  size_t rank = source.shape.size();
  for (unsigned whole = 0; whole < 1u << rank; ++whole) {
    SmallVector<int64_t> block;
    bool isRepeated = false; // dimensions of one element are whole
    for (size_t d = 0; d < rank; ++d) {
      block.push_back(whole >> d & 1 ? source.shape[d] : 1);
      isRepeated |= source.shape[d] == 1 && !(whole >> d & 1);
    }
    if (isRepeated)
      continue;
    auto add = [&] { candidates.push_back({Blocks(source.shape, block).groups(), block}); };
    add();
    for (size_t d = 0; d < rank; ++d) {
      if (!(whole >> d & 1) || (wholeRows && d + 1 == rank))
        continue;
      for (int64_t size : {16, 32, 64, 128, 256})
        if (size < source.shape[d]) {
          block[d] = size;
          add();
        }
      block[d] = source.shape[d];
    }
  }
  llvm::sort(candidates);

  std::optional<Scheme> best;
  int64_t n = source.size(), fewest = n * source.elementBits / 8 / 2 + 1;
  for (auto &[groups, block] : candidates) {
    int64_t least = n / 4 + groups * (source.isFloat ? 4 : 1); // with two bits
    if (least >= fewest || (groups > 1 && groups * 8 > n))
      continue;
    std::optional<Scheme> s = schemeFor(source, block);
    if (!s)
      continue;
    int64_t bytes = llvm::divideCeil(n * s->bits, 8) + s->tableBytes();
    if (bytes < fewest) {
      fewest = bytes;
      best = std::move(s);
    }
  }
  return best;
}
