// This file lowers the operators that rearrange a tensor without computing:
// Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Expand, Tile, DepthToSpace
// and SpaceToDepth.
#include "passes/legalize/OpTable.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace dlc::legalize;

/// Reshapes input 0 to what the model declares for the result: the way out when
/// the shape is an input of the model.
static LogicalResult reshapeToDeclared(Node &n, StringRef what) {
  RankedTensorType declared = n.declared(0);
  if (!declared || !declared.hasStaticShape())
    return n.error("the result's shape depends on " + what +
                       ", which is not known at compile time",
                   "make it an initializer, or state the output's shape");
  SmallVector<OpFoldResult> sizes;
  for (int64_t d : declared.getShape())
    sizes.push_back(n.b.getIndexAttr(d));
  if (failed(n.checkSizes(sizes)))
    return failure();
  if (n.type(0).hasStaticShape() &&
      n.type(0).getNumElements() != declared.getNumElements())
    return n.error("the declared shape has " +
                   Twine(declared.getNumElements()) + " elements, the input " +
                   Twine(n.type(0).getNumElements()));
  n.set(0, n.reshape(n.in(0), sizes));
  return success();
}

static LogicalResult lowerReshape(Node &n) {
  if (failed(n.requireTensors(n.opset() < 5 ? 1 : 2)))
    return failure();
  auto allowZero = n.i64("allowzero", 0);
  if (failed(allowZero))
    return failure();
  SmallVector<OpFoldResult> sizes;
  if (n.opset() < 5) {
    auto shape = n.ints("shape");
    if (failed(shape))
      return failure();
    for (int64_t d : *shape)
      sizes.push_back(n.b.getIndexAttr(d));
  } else {
    if (n.rank(1) != 1)
      return n.error("shape has rank " + Twine(n.rank(1)) + ", expected 1");
    if (!n.type(1).hasStaticShape())
      return reshapeToDeclared(n, "input 1");
    auto shape = n.indexVector(1, "shape");
    if (failed(shape))
      return failure();
    sizes = *shape;
  }
  RankedTensorType declared = n.declared(0);
  if (declared && declared.getRank() != static_cast<int64_t>(sizes.size()))
    declared = RankedTensorType();
  SmallVector<OpFoldResult> from = n.sizes(n.in(0));
  std::optional<size_t> open;
  SmallVector<size_t> runTime;
  for (auto [d, s] : llvm::enumerate(sizes)) {
    auto c = getConstantIntValue(s);
    if (!c && declared && !declared.isDynamicDim(d)) {
      s = n.b.getIndexAttr(declared.getDimSize(d));
      continue;
    }
    if (!c) {
      // Sizes are what they say; other values may still be 0 or -1.
      if (!cast<Value>(s).getDefiningOp<tensor::DimOp>())
        runTime.push_back(d);
      continue;
    }
    if (*c == 0 && !*allowZero) {
      if (d >= from.size())
        return n.error("shape copies dimension " + Twine(d) +
                       " of an input of rank " + Twine(from.size()));
      s = from[d];
    } else if (*c == -1) {
      if (open)
        return n.error("shape has more than one -1");
      open = d;
    } else if (*c < -1) {
      return n.error("shape has the negative size " + Twine(*c));
    }
  }
  if (open && *allowZero && llvm::any_of(sizes, [](OpFoldResult s) {
        return getConstantIntValue(s) == 0;
      }))
    return n.error("shape has both 0 and -1 with allowzero");
  for (size_t d : runTime)
    if (!*allowZero && d < from.size()) {
      Value v = n.index(sizes[d]);
      Value zero =
          arith::CmpIOp::create(n.b, arith::CmpIPredicate::eq, v, n.index(0));
      sizes[d] =
          arith::SelectOp::create(n.b, zero, n.index(from[d]), v).getResult();
    }
  // The open size: what is left of the input; equal factors cancel, so that
  // it is known as often as can be.
  auto rest = [&](size_t skip) {
    SmallVector<OpFoldResult> over = from, under;
    for (auto [d, s] : llvm::enumerate(sizes)) {
      if (d == skip)
        continue;
      auto same = llvm::find_if(over, [&](OpFoldResult o) {
        return getConstantIntValue(s) != 0 && Node::sameSize(o, s);
      });
      if (same != over.end())
        over.erase(same);
      else
        under.push_back(s);
    }
    return std::pair(n.product(over), n.product(under));
  };
  if (open) {
    auto [total, others] = rest(*open);
    auto ct = getConstantIntValue(total), co = getConstantIntValue(others);
    if (co == 0)
      return n.error("-1 in shape cannot be inferred: another size is 0");
    if (ct && co && *ct % *co != 0)
      return n.error("the input's elements do not divide by the other sizes (" +
                     Twine(*ct) + " by " + Twine(*co) + ")");
    sizes[*open] = n.floorDiv(total, others);
  } else {
    for (size_t d : runTime) {
      auto [total, others] = rest(d);
      Value v = n.index(sizes[d]);
      Value isOpen =
          arith::CmpIOp::create(n.b, arith::CmpIPredicate::slt, v, n.index(0));
      // With one of them open, `others` of the rest is positive.
      Value safe = arith::MaxSIOp::create(n.b, n.index(others), n.index(1));
      Value inferred = arith::DivSIOp::create(n.b, n.index(total), safe);
      sizes[d] = arith::SelectOp::create(n.b, isOpen, inferred, v).getResult();
    }
  }
  if (failed(n.checkSizes(sizes)))
    return failure();
  auto before = getConstantIntValue(n.product(from));
  auto after = getConstantIntValue(n.product(sizes));
  if (before && after && *before != *after)
    return n.error("the input has " + Twine(*before) +
                   " elements, the requested shape " + Twine(*after));
  n.set(0, n.reshape(n.in(0), sizes));
  return success();
}

static LogicalResult lowerFlatten(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  auto value = n.i64("axis", 1);
  if (failed(value))
    return failure();
  if (*value < 0 && n.opset() < 11)
    return n.error("axis " + Twine(*value) + " is negative");
  auto axis = n.axis(*value, n.rank(0), /*end=*/true);
  if (failed(axis))
    return failure();
  SmallVector<OpFoldResult> sizes = n.sizes(n.in(0));
  OpFoldResult rows = n.product(ArrayRef(sizes).take_front(*axis));
  OpFoldResult columns = n.product(ArrayRef(sizes).drop_front(*axis));
  n.set(0, n.reshape(n.in(0), {rows, columns}));
  return success();
}

static LogicalResult lowerSqueeze(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (n.has(1) && !n.constant(1))
    return reshapeToDeclared(n, "axes");
  auto axes = n.axes("axes", 1, n.rank(0));
  if (failed(axes))
    return failure();
  SmallVector<int64_t> drop;
  if (*axes) {
    drop = **axes;
    for (int64_t a : drop)
      if (n.shape(0)[a] != 1 && !ShapedType::isDynamic(n.shape(0)[a]))
        return n.error("dimension " + Twine(a) + " has size " +
                       Twine(n.shape(0)[a]) + ", expected 1");
  } else {
    if (!n.type(0).hasStaticShape())
      return reshapeToDeclared(n, "the input's sizes");
    for (int64_t d = 0; d < n.rank(0); ++d)
      if (n.shape(0)[d] == 1)
        drop.push_back(d);
  }
  n.set(0, n.dropDims(n.in(0), drop));
  return success();
}

static LogicalResult lowerUnsqueeze(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  if (n.has(1) && !n.constant(1))
    return reshapeToDeclared(n, "axes");
  int64_t count = 0;
  if (n.has(1)) {
    count = n.type(1).getNumElements();
  } else {
    auto raw = n.ints("axes");
    if (failed(raw))
      return failure();
    count = raw->size();
  }
  auto axes = n.axes("axes", 1, n.rank(0) + count);
  if (failed(axes))
    return failure();
  SmallVector<int64_t> at = **axes;
  llvm::sort(at);
  n.set(0, n.expandDims(n.in(0), at));
  return success();
}

static LogicalResult lowerTranspose(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  int64_t rank = n.rank(0);
  SmallVector<int64_t> reversed =
      llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  auto perm = n.ints("perm", reversed);
  if (failed(perm))
    return failure();
  if (static_cast<int64_t>(perm->size()) != rank || !isPermutationVector(*perm))
    return n.error("perm is not a permutation of the input's " + Twine(rank) +
                   " dimensions");
  n.set(0, n.transpose(n.in(0), *perm));
  return success();
}

static LogicalResult lowerExpand(Node &n) {
  if (failed(n.requireTensors(2)))
    return failure();
  auto shape = n.indexVector(1, "shape");
  if (failed(shape))
    return failure();
  SmallVector<OpFoldResult> from = n.sizes(n.in(0)), to;
  size_t rank = std::max(from.size(), shape->size());
  RankedTensorType declared = n.declared(0);
  OpFoldResult one = n.b.getIndexAttr(1);
  for (size_t d = 0; d < rank; ++d) {
    OpFoldResult x =
        d + from.size() < rank ? one : from[d + from.size() - rank];
    OpFoldResult y =
        d + shape->size() < rank ? one : (*shape)[d + shape->size() - rank];
    if (!getConstantIntValue(y) && declared &&
        declared.getRank() == static_cast<int64_t>(rank) &&
        !declared.isDynamicDim(d))
      y = n.b.getIndexAttr(declared.getDimSize(d));
    auto merged = n.broadcastSize(x, y, "dimension " + Twine(d));
    if (failed(merged))
      return failure();
    to.push_back(*merged);
  }
  if (failed(n.checkSizes(to)))
    return failure();
  auto result = n.broadcastTo(n.in(0), to);
  if (failed(result))
    return failure();
  n.set(0, *result);
  return success();
}

/// Tile-1 repeats one axis; Tile-6 has a count for every dimension.
static LogicalResult lowerTile(Node &n) {
  if (failed(n.requireTensors(n.opset() < 6 ? 3 : 2)))
    return failure();
  int64_t rank = n.rank(0);
  SmallVector<OpFoldResult> repeats(rank, n.b.getIndexAttr(1));
  auto given = n.indexVector(1, n.opset() < 6 ? "tiles" : "repeats");
  if (failed(given))
    return failure();
  if (n.opset() < 6) {
    auto axis = n.constantInts(2, "axis");
    if (failed(axis))
      return failure();
    if (axis->size() != 1 || given->size() != 1)
      return n.error("tiles and axis must be scalars");
    auto at = n.axis(axis->front(), rank);
    if (failed(at))
      return failure();
    repeats[*at] = given->front();
  } else {
    if (static_cast<int64_t>(given->size()) != rank)
      return n.error("repeats has " + Twine(given->size()) +
                     " elements, expected " + Twine(rank));
    repeats = *given;
  }
  RankedTensorType declared = n.declared(0);
  SmallVector<OpFoldResult> from = n.sizes(n.in(0)), to;
  bool runTime = false;
  for (int64_t d = 0; d < rank; ++d) {
    auto c = getConstantIntValue(repeats[d]);
    if (c && *c < 0)
      return n.error("repeats has the negative count " + Twine(*c));
    runTime |= !c;
    if (!c && declared && declared.getRank() == rank &&
        !declared.isDynamicDim(d))
      to.push_back(n.b.getIndexAttr(declared.getDimSize(d)));
    else
      to.push_back(n.mul(from[d], repeats[d]));
  }
  if (failed(n.checkSizes(to)))
    return failure();
  Type element = n.elementType(0);
  if (runTime) {
    Value x = n.in(0);
    n.set(0,
          n.generate(to, element, [&](ImplicitLocOpBuilder &b, ValueRange at) {
            SmallVector<Value> source;
            for (int64_t d = 0; d < rank; ++d)
              source.push_back(
                  arith::RemUIOp::create(b, at[d], n.index(from[d])));
            return extract(b, x, source);
          }));
    return success();
  }
  // [a, b] -> [r0, a, r1, b] by broadcasting, then merged pairwise.
  SmallVector<OpFoldResult> wide;
  SmallVector<int64_t> unit;
  for (int64_t d = 0; d < rank; ++d) {
    if (getConstantIntValue(repeats[d]) != 1) {
      unit.push_back(wide.size());
      wide.push_back(repeats[d]);
    }
    wide.push_back(from[d]);
  }
  if (unit.empty()) {
    n.set(0, n.in(0));
    return success();
  }
  auto spread = n.broadcastTo(n.expandDims(n.in(0), unit), wide);
  if (failed(spread))
    return failure();
  n.set(0, n.reshape(*spread, to));
  return success();
}

/// DepthToSpace and SpaceToDepth: split, permute, merge.
static LogicalResult lowerDepthSpace(Node &n) {
  if (failed(n.requireTensors(1)))
    return failure();
  bool toSpace = n.opType() == "DepthToSpace";
  auto block = n.i64("blocksize");
  auto mode = n.str("mode", "DCR");
  if (failed(block) || failed(mode))
    return failure();
  if (n.rank(0) != 4)
    return n.error("input has rank " + Twine(n.rank(0)) +
                   ", expected 4 (NCHW)");
  if (*block < 1 || *block > (1 << 20))
    return n.error("blocksize " + Twine(*block) + " is out of range");
  if (*mode != "DCR" && *mode != "CRD")
    return n.error("mode '" + *mode + "' is unknown, expected DCR or CRD");
  SmallVector<OpFoldResult> s = n.sizes(n.in(0));
  OpFoldResult k = n.b.getIndexAttr(*block),
               kk = n.b.getIndexAttr(*block * *block);
  auto divides = [&](int64_t d, int64_t by) {
    auto c = getConstantIntValue(s[d]);
    return !c || *c % by == 0;
  };
  Value x = n.in(0);
  if (toSpace) {
    if (!divides(1, *block * *block))
      return n.error("channels do not divide by blocksize squared");
    OpFoldResult c = n.floorDiv(s[1], kk);
    if (*mode == "DCR")
      x = n.transpose(n.reshape(x, {s[0], k, k, c, s[2], s[3]}),
                      {0, 3, 4, 1, 5, 2});
    else
      x = n.transpose(n.reshape(x, {s[0], c, k, k, s[2], s[3]}),
                      {0, 1, 4, 2, 5, 3});
    n.set(0, n.reshape(x, {s[0], c, n.mul(s[2], k), n.mul(s[3], k)}));
    return success();
  }
  if (!divides(2, *block) || !divides(3, *block))
    return n.error("height and width do not divide by blocksize");
  OpFoldResult h = n.floorDiv(s[2], k), w = n.floorDiv(s[3], k);
  x = n.transpose(n.reshape(x, {s[0], s[1], h, k, w, k}), {0, 3, 5, 1, 2, 4});
  n.set(0, n.reshape(x, {s[0], n.mul(s[1], kk), h, w}));
  return success();
}

void dlc::legalize::addReshape(std::vector<OpEntry> &table) {
  constexpr llvm::StringLiteral all = "numbers, bool";
  table.push_back({"", "Reshape", 1, kLatest, all, lowerReshape});
  table.push_back({"", "Flatten", 1, kLatest, all, lowerFlatten});
  table.push_back({"", "Squeeze", 1, kLatest, all, lowerSqueeze});
  table.push_back({"", "Unsqueeze", 1, kLatest, all, lowerUnsqueeze});
  table.push_back({"", "Transpose", 1, kLatest, all, lowerTranspose});
  table.push_back({"", "Expand", 8, kLatest, all, lowerExpand});
  table.push_back({"", "Tile", 1, kLatest, all, lowerTile});
  table.push_back({"", "DepthToSpace", 1, kLatest, all, lowerDepthSpace});
  table.push_back({"", "SpaceToDepth", 1, kLatest, all, lowerDepthSpace});
}
