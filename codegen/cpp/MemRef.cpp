// This file prints buffers as plain pointers with index arithmetic.
#include "codegen/cpp/Printer.h"

#include "dialects/ArmDSP/ArmDSP.h"
#include "dialects/ArmMVE/ArmMVE.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace dlc::cpp;

//===-- Index arithmetic ---------------------------------------------------===//

Dim Printer::dim(OpFoldResult v) {
  if (auto attr = dyn_cast<Attribute>(v))
    return {cast<IntegerAttr>(attr).getInt(), ""};
  Value size = cast<Value>(v);
  Expr e = simple(size);
  if (e.literal)
    return {std::stoll(e.text), ""};
  return {0, e.text};
}

Dim Printer::product(const Dim &a, const Dim &b) {
  if (a.isConstant() && b.isConstant())
    return {a.value * b.value, ""};
  if (a.isConstant())
    return product(b, a);
  if (b.isConstant() && b.value == 1)
    return a;
  std::string factor = b.isConstant() ? std::to_string(b.value) : b.text;
  // Kept in a variable: strides are used again and again.
  std::string name = numbered("n");
  line() << "const int" << indexBits << "_t " << name << " = " << a.text << " * " << factor
         << ";\n";
  return {0, name};
}

void Printer::addTerm(Buffer &b, OpFoldResult index, const Dim &stride) {
  std::optional<int64_t> constant = getConstantIntValue(index);
  if (constant && stride.isConstant()) {
    b.offset += *constant * stride.value;
    return;
  }
  if (constant && *constant == 0)
    return;
  Expr e = constant ? Expr{std::to_string(*constant)} : value(cast<Value>(index));
  if (e.readsMemory) { // may be written before the pointer is used
    declare(cast<Value>(index), e);
    e = exprs[cast<Value>(index)];
  }
  if (stride.isConstant() && stride.value == 0)
    return;
  if (stride.isConstant() && stride.value == 1)
    b.terms.push_back(paren(e, Prec::Additive));
  else
    b.terms.push_back(paren(wide(e, indexBits), Prec::Multiplicative) + " * " +
                      (stride.isConstant() ? std::to_string(stride.value) : stride.text));
}

Expr Printer::at(const Buffer &b, bool address) {
  std::string index = llvm::join(b.terms, " + ");
  if (index.empty())
    index = b.offset || !address ? std::to_string(b.offset) : "";
  else if (b.offset)
    index += (b.offset < 0 ? " - " : " + ") + std::to_string(std::abs(b.offset));
  if (!address)
    return {paren(b.pointer, Prec::Postfix) + "[" + index + "]", Prec::Postfix};
  if (index.empty())
    return b.pointer;
  bool minus = index[0] == '-';
  return {b.pointer.text + (minus ? " - " : " + ") + (minus ? index.substr(1) : index),
          Prec::Additive};
}

Expr Printer::element(Value memref, ValueRange indices, bool address) {
  Buffer b = buffer(memref);
  for (auto [index, stride] : llvm::zip_equal(indices, b.strides))
    addTerm(b, index, stride);
  return at(b, address);
}

Buffer &Printer::buffer(Value v) {
  auto it = buffers.find(v);
  if (it != buffers.end())
    return it->second;
  emitError(v.getLoc()) << "C++: a buffer is used before it was printed";
  defect = true;
  Buffer &b = buffers[v];
  b.pointer = {"nullptr"};
  b.sizes.resize(cast<MemRefType>(v.getType()).getRank());
  b.strides.resize(b.sizes.size());
  return b;
}

void Printer::defineBuffer(Value result, Buffer b) {
  unsigned uses = 0;
  bool here = true;
  for (OpOperand &use : result.getUses())
    if (isLive(use)) {
      ++uses;
      here &= use.getOwner()->getBlock() == result.getParentBlock();
    }
  size_t length = b.pointer.text.size();
  for (const std::string &term : b.terms)
    length += term.size();
  bool name = b.terms.empty() && b.pointer.prec == Prec::Primary;
  if (uses != 0 && !name && !(uses == 1 && here && length < 72)) {
    std::string pointer = numbered("p");
    line() << pointerName(cast<MemRefType>(result.getType()).getElementType(),
                          !isWritten(result))
           << pointer << " = " << at(b, /*address=*/true).text << ";\n";
    b.pointer = {pointer};
    b.terms.clear();
    b.offset = 0;
  }
  buffers[result] = std::move(b);
}

bool Printer::isWritten(Value memref) {
  auto [it, isNew] = written.insert({memref, false});
  if (!isNew)
    return it->second;
  bool result = llvm::any_of(memref.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<memref::LoadOp, vector::LoadOp, vector::MaskedLoadOp, memref::DimOp,
            memref::ExtractAlignedPointerAsIndexOp, arm_dsp::LoadOp, arm_dsp::DotOp, arm_mve::LoadOp,
            arm_mve::Vld4Op, arm_mve::DotOp>(user))
      return false;
    if (auto copy = dyn_cast<memref::CopyOp>(user))
      return copy.getTarget() == memref;
    if (auto call = dyn_cast<func::CallOp>(user)) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
          call, call.getCalleeAttr());
      return !callee || callee.isExternal() ||
             isWritten(callee.getArgument(use.getOperandNumber()));
    }
    unsigned k = use.getOperandNumber();
    Operation *parent = isa<scf::YieldOp>(user) ? user->getParentOp() : user;
    if (isa<scf::IfOp, scf::IndexSwitchOp>(parent))
      return isWritten(parent->getResult(k));
    if (auto loop = dyn_cast<scf::ForOp>(parent)) {
      k -= parent == user ? 3 : 0; // an initial value, or one yielded
      return isWritten(loop.getRegionIterArgs()[k]) || isWritten(loop.getResult(k));
    }
    if (isa<ViewLikeOpInterface, arith::SelectOp, memref::ExtractStridedMetadataOp,
            memref::TransposeOp, memref::AssumeAlignmentOp>(user))
      return llvm::any_of(user->getResults(), [&](Value v) {
        return isa<MemRefType>(v.getType()) && isWritten(v);
      });
    return true;
  });
  return written[memref] = result;
}

bool Printer::isContiguous(const Buffer &b) {
  int64_t expected = 1;
  for (auto [size, stride] : llvm::reverse(llvm::zip_equal(b.sizes, b.strides))) {
    if (!size.isConstant() || !stride.isConstant())
      return false;
    if (size.value != 1 && stride.value != expected)
      return false;
    expected *= size.value;
  }
  return true;
}

//===-- Operations ---------------------------------------------------------===//

LogicalResult Printer::printCopy(memref::CopyOp op) {
  Buffer source = buffer(op.getSource()), target = buffer(op.getTarget());
  Type type = cast<MemRefType>(op.getSource().getType()).getElementType();
  flushReads();
  if (isContiguous(source) && isContiguous(target)) {
    int64_t bytes = std::max(1u, width(type) / 8);
    for (const Dim &size : source.sizes)
      bytes *= size.value;
    if (bytes != 0)
      line() << "__builtin_memcpy(" << at(target, true).text << ", "
             << at(source, true).text << ", " << bytes << ");\n";
    return success();
  }
  // One loop for each dimension.
  unsigned outer = indent, depth = loopDepth;
  for (auto [d, size] : llvm::enumerate(source.sizes)) {
    if (size.isConstant() && size.value == 1)
      continue;
    std::string i = loopVariable();
    line() << "for (int" << indexBits << "_t " << i << " = 0; " << i << " < "
           << (size.isConstant() ? std::to_string(size.value) : size.text) << "; ++" << i
           << ")\n";
    ++indent;
    for (auto [b, stride] : {std::pair(&source, source.strides[d]),
                             std::pair(&target, target.strides[d])}) {
      std::string factor = stride.isConstant() ? std::to_string(stride.value) : stride.text;
      if (factor == "1")
        b->terms.push_back(i);
      else if (factor != "0")
        b->terms.push_back(i + " * " + factor);
    }
  }
  line() << at(target, false).text << " = " << at(source, false).text << ";\n";
  indent = outer;
  loopDepth = depth;
  return success();
}

LogicalResult Printer::printMemRef(Operation &op) {
  if (auto load = dyn_cast<memref::LoadOp>(op)) {
    Expr e = element(load.getMemRef(), load.getIndices(), false);
    e.readsMemory = true;
    e.bits = width(load.getType());
    define(load, e);
    return success();
  }
  if (auto store = dyn_cast<memref::StoreOp>(op)) {
    std::string source = value(store.getValue()).text;
    std::string target = element(store.getMemRef(), store.getIndices(), false).text;
    flushReads();
    line() << target << " = " << source << ";\n";
    return success();
  }
  if (auto copy = dyn_cast<memref::CopyOp>(op))
    return printCopy(copy);

  if (auto dimOp = dyn_cast<memref::DimOp>(op)) {
    std::optional<int64_t> index = dimOp.getConstantIndex();
    Buffer &b = buffer(dimOp.getSource());
    if (!index || *index < 0 || *index >= int64_t(b.sizes.size()))
      return unsupported(op, "the dimension is not a constant");
    const Dim &size = b.sizes[*index];
    Expr e{size.isConstant() ? std::to_string(size.value) : size.text, Prec::Primary,
           size.isConstant() ? 32u : indexBits};
    e.literal = size.isConstant();
    exprs[dimOp.getResult()] = e;
    return success();
  }

  if (auto global = dyn_cast<memref::GetGlobalOp>(op)) {
    MemRefType type = global.getType();
    Buffer b;
    std::string symbol = symbols.lookup(global.getName());
    b.pointer = {symbol};
    if (auto at = moved.find(global.getName()); at != moved.end())
      b.pointer = {"reinterpret_cast<" + pointerName(type.getElementType(), true) + ">(" + name +
                       "_weights + " + std::to_string(at->second) + ")",
                   Prec::Postfix};
    else if (packed.contains(global.getName()))
      b.pointer = {"reinterpret_cast<" + pointerName(type.getElementType(), true) + ">(" +
                       symbol + ")",
                   Prec::Postfix};
    setStatic(b, type);
    defineBuffer(global, b);
    return success();
  }
  if (auto alloca = dyn_cast<memref::AllocaOp>(op)) {
    MemRefType type = alloca.getType();
    if (!type.hasStaticShape() || !type.getLayout().isIdentity())
      return unsupported(op, "expected a static shape");
    Buffer b;
    b.pointer = {numbered("p")};
    line() << "[[maybe_unused]] alignas(" << std::max<int64_t>(16, alloca.getAlignment().value_or(0)) << ") "
           << elementName(type.getElementType()) << " " << b.pointer.text << "["
           << std::max<int64_t>(1, type.getNumElements()) << "];\n";
    setStatic(b, type);
    buffers[alloca.getResult()] = b;
    return success();
  }

  if (auto view = dyn_cast<memref::ViewOp>(op)) {
    MemRefType type = view.getType();
    Buffer source = buffer(view.getSource());
    addTerm(source, getAsOpFoldResult(view.getByteShift()), {1, ""});
    Buffer b;
    b.pointer = {"reinterpret_cast<" +
                     pointerName(type.getElementType(), !isWritten(view.getResult())) + ">(" +
                     at(source, true).text + ")",
                 Prec::Postfix};
    auto dynamic = view.getSizes().begin();
    for (int64_t size : type.getShape())
      b.sizes.push_back(ShapedType::isDynamic(size) ? dim(*dynamic++) : Dim{size, ""});
    setRowMajor(b);
    defineBuffer(view, b);
    return success();
  }
  if (auto subview = dyn_cast<memref::SubViewOp>(op)) {
    Buffer b = buffer(subview.getSource());
    llvm::SmallBitVector dropped = subview.getDroppedDims();
    llvm::SmallVector<Dim> sizes, strides;
    for (auto [i, offset] : llvm::enumerate(subview.getMixedOffsets()))
      addTerm(b, offset, b.strides[i]);
    for (auto [i, size, stride] :
         llvm::enumerate(subview.getMixedSizes(), subview.getMixedStrides())) {
      if (dropped.test(i))
        continue;
      sizes.push_back(dim(size));
      strides.push_back(product(b.strides[i], dim(stride)));
    }
    b.sizes = sizes;
    b.strides = strides;
    defineBuffer(subview, b);
    return success();
  }
  if (auto reinterpret = dyn_cast<memref::ReinterpretCastOp>(op)) {
    // Offsets count from where the allocation of the source starts.
    auto sourceType = dyn_cast<MemRefType>(reinterpret.getSource().getType());
    llvm::SmallVector<int64_t> strides;
    int64_t offset;
    if (!sourceType || failed(sourceType.getStridesAndOffset(strides, offset)) ||
        ShapedType::isDynamic(offset))
      return unsupported(op, "the offset of its source is not known");
    Buffer b = buffer(reinterpret.getSource());
    b.offset -= offset;
    addTerm(b, reinterpret.getMixedOffsets().front(), {1, ""});
    b.sizes.clear();
    b.strides.clear();
    for (OpFoldResult size : reinterpret.getMixedSizes())
      b.sizes.push_back(dim(size));
    for (OpFoldResult stride : reinterpret.getMixedStrides())
      b.strides.push_back(dim(stride));
    defineBuffer(reinterpret, b);
    return success();
  }
  if (auto metadata = dyn_cast<memref::ExtractStridedMetadataOp>(op)) {
    llvm::SmallVector<int64_t> strides;
    int64_t offset;
    auto type = cast<MemRefType>(metadata.getSource().getType());
    if (failed(type.getStridesAndOffset(strides, offset)) || ShapedType::isDynamic(offset))
      return unsupported(op, "the offset of its source is not known");
    Buffer b = buffer(metadata.getSource());
    auto defineDims = [&](ValueRange values, llvm::ArrayRef<Dim> dims) {
      for (auto [v, d] : llvm::zip_equal(values, dims))
        exprs[v] = {d.isConstant() ? std::to_string(d.value) : d.text, Prec::Primary,
                    d.isConstant() ? 32u : indexBits, false, d.isConstant()};
    };
    defineDims(metadata.getSizes(), b.sizes);
    defineDims(metadata.getStrides(), b.strides);
    defineDims(metadata.getOffset(), Dim{offset, ""});
    b.offset -= offset;
    b.sizes.clear();
    b.strides.clear();
    defineBuffer(metadata.getBaseBuffer(), b);
    return success();
  }
  if (auto expand = dyn_cast<memref::ExpandShapeOp>(op)) {
    Buffer b = buffer(expand.getSrc());
    llvm::SmallVector<Dim> sizes, strides;
    for (OpFoldResult size : expand.getMixedOutputShape())
      sizes.push_back(dim(size));
    strides.resize(sizes.size());
    for (auto [i, group] : llvm::enumerate(expand.getReassociationIndices())) {
      Dim stride = b.strides[i];
      for (int64_t d : llvm::reverse(group)) {
        strides[d] = stride;
        if (d != group.front())
          stride = product(stride, sizes[d]);
      }
    }
    for (size_t d = 0; d < sizes.size(); ++d)
      if (strides[d].isConstant() && !strides[d].value)
        strides[d] = {1, ""}; // a dimension without a group has one element
    b.sizes = sizes;
    b.strides = strides;
    defineBuffer(expand, b);
    return success();
  }
  if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op)) {
    Buffer b = buffer(collapse.getSrc());
    llvm::SmallVector<Dim> sizes, strides;
    for (auto &group : collapse.getReassociationIndices()) {
      Dim size{1, ""}, stride = b.strides[group.back()];
      for (int64_t d : llvm::reverse(group)) {
        // The stride of a dimension of one element says nothing.
        if (size.isConstant() && size.value == 1)
          stride = b.strides[d];
        size = product(size, b.sizes[d]);
      }
      sizes.push_back(size);
      strides.push_back(stride);
    }
    b.sizes = sizes;
    b.strides = strides;
    defineBuffer(collapse, b);
    return success();
  }
  if (auto transpose = dyn_cast<memref::TransposeOp>(op)) {
    Buffer b = buffer(transpose.getIn());
    llvm::SmallVector<Dim> sizes, strides;
    for (AffineExpr e : transpose.getPermutation().getResults()) {
      unsigned d = cast<AffineDimExpr>(e).getPosition();
      sizes.push_back(b.sizes[d]);
      strides.push_back(b.strides[d]);
    }
    b.sizes = sizes;
    b.strides = strides;
    defineBuffer(transpose, b);
    return success();
  }
  if (isa<memref::CastOp, memref::AssumeAlignmentOp>(op) && op.getNumResults() == 1 &&
      isa<MemRefType>(op.getOperand(0).getType()) &&
      isa<MemRefType>(op.getResult(0).getType())) {
    defineBuffer(op.getResult(0), buffer(op.getOperand(0)));
    return success();
  }
  if (auto pointer = dyn_cast<memref::ExtractAlignedPointerAsIndexOp>(op)) {
    Buffer &b = buffer(pointer.getSource());
    define(pointer, {"reinterpret_cast<int" + std::to_string(indexBits) + "_t>(" +
                         b.pointer.text + ")",
                     Prec::Postfix, indexBits});
    return success();
  }
  return unsupported(op);
}

void Printer::setRowMajor(Buffer &b) {
  b.strides.resize(b.sizes.size());
  Dim stride{1, ""};
  for (size_t d = b.sizes.size(); d-- > 0;) {
    b.strides[d] = stride;
    if (d != 0)
      stride = product(stride, b.sizes[d]);
  }
}

void Printer::setStatic(Buffer &b, MemRefType type) {
  b.sizes.clear();
  for (int64_t size : type.getShape())
    b.sizes.push_back({size, ""});
  setRowMajor(b);
}

LogicalResult Printer::declareParameter(Value arg, const std::string &pointer,
                                        llvm::SmallVectorImpl<std::string> &more) {
  auto type = cast<MemRefType>(arg.getType());
  llvm::SmallVector<int64_t> strides;
  int64_t offset; // part of the pointer that is passed
  if (failed(type.getStridesAndOffset(strides, offset)))
    return emitError(arg.getLoc()) << "C++: the layout of " << type << " has no strides";
  std::string index = "const int" + std::to_string(indexBits) + "_t ";
  Buffer b;
  b.pointer = {pointer};
  for (auto [d, size] : llvm::enumerate(type.getShape())) {
    if (!ShapedType::isDynamic(size)) {
      b.sizes.push_back({size, ""});
      continue;
    }
    b.sizes.push_back({0, unique(pointer + "_d" + std::to_string(d))});
    more.push_back(index + b.sizes.back().text);
  }
  for (auto [d, stride] : llvm::enumerate(strides)) {
    if (!ShapedType::isDynamic(stride)) {
      b.strides.push_back({stride, ""});
      continue;
    }
    b.strides.push_back({0, unique(pointer + "_s" + std::to_string(d))});
    more.push_back(index + b.strides.back().text);
  }
  buffers[arg] = b;
  return success();
}
