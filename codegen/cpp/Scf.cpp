// This file prints structured control flow and calls.
#include "codegen/cpp/Printer.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace dlc::cpp;

std::string Printer::loopVariable() {
  static constexpr llvm::StringLiteral letters = "ijklmnopqrstuvwxyz";
  for (unsigned depth = loopDepth++;; ++depth) {
    std::string result = depth < letters.size() ? std::string(1, letters[depth])
                                                : "i" + std::to_string(depth);
    if (!names.contains(result) && !localNames.contains(result))
      return result;
    loopDepth = depth + 2;
  }
}

LogicalResult Printer::printBody(Block &block) {
  ++indent;
  LogicalResult result = printBlock(block);
  --indent;
  return result;
}

/// Makes the variable of a value that changes from iteration to iteration.
void Printer::declareCarried(Operation &op, Value init, llvm::ArrayRef<Value> aliases,
                             std::string &name) {
  // The variable that holds the initial value serves on when nobody else reads it.
  auto it = variables.find(init);
  if (it != variables.end() && init.hasOneUse() && init.getParentBlock() == op.getBlock()) {
    name = it->second;
  } else if (auto memref = dyn_cast<MemRefType>(init.getType())) {
    name = numbered("p");
    bool isConst = llvm::none_of(aliases, [&](Value v) { return isWritten(v); });
    Buffer &b = buffer(init);
    line() << pointerName(memref.getElementType(), isConst) << name << " = "
           << at(b, true).text << ";\n";
    for (auto &[part, value] : openParts(memref, name, b))
      line() << "int" << indexBits << "_t " << part << " = " << (value.isConstant() ? std::to_string(value.value) : value.text) << ";\n";
  } else {
    name = numbered(isa<FloatType, VectorType>(init.getType()) ? "acc" : prefixFor(init.getType()));
    auto type = dyn_cast<VectorType>(init.getType());
    bool isMask = type && type.getElementType().isInteger(1) && !type.isScalable();
    std::string source = isMask ? mask(init, 8).text : value(init).text;
    line() << declaredType(aliases.front()) << " " << name << " = " << source << ";\n";
  }
  for (Value alias : aliases)
    bindVariable(alias, name);
}

llvm::SmallVector<std::pair<std::string, Dim>>
Printer::openParts(MemRefType type, llvm::StringRef name, const Buffer &b) {
  llvm::SmallVector<std::pair<std::string, Dim>> result;
  llvm::SmallVector<int64_t> strides;
  int64_t offset; // part of the pointer
  if (failed(type.getStridesAndOffset(strides, offset)))
    return result; // refused where the buffer was made
  for (auto [known, dims, letter] : {std::tuple(type.getShape(), &b.sizes, "_d"),
                                     std::tuple(llvm::ArrayRef<int64_t>(strides), &b.strides, "_s")})
    for (auto [i, size] : llvm::enumerate(known))
      if (ShapedType::isDynamic(size))
        result.push_back({(name + letter + llvm::Twine(i)).str(), (*dims)[i]});
  return result;
}

void Printer::bindVariable(Value v, const std::string &name) {
  variables[v] = name;
  auto type = dyn_cast<MemRefType>(v.getType());
  if (!type) {
    exprs[v] = {name, Prec::Primary, v.getType().isInteger(1) ? 1 : width(v.getType())};
    return;
  }
  llvm::SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    strides.assign(type.getRank(), 0); // refused where the buffer was made
  Buffer b;
  b.pointer = {name};
  for (int64_t size : type.getShape())
    b.sizes.push_back({size, ""});
  for (int64_t stride : strides)
    b.strides.push_back({stride, ""});
  for (auto [d, size] : llvm::enumerate(b.sizes))
    if (ShapedType::isDynamic(size.value))
      size = {0, name + "_d" + std::to_string(d)};
  for (auto [d, stride] : llvm::enumerate(b.strides))
    if (ShapedType::isDynamic(stride.value))
      stride = {0, name + "_s" + std::to_string(d)};
  buffers[v] = b;
}

void Printer::declareVariable(Value v, const std::string &name) {
  auto type = dyn_cast<MemRefType>(v.getType());
  if (!type) {
    line() << declaredType(v) << " " << name << ";\n";
  } else {
    line() << pointerName(type.getElementType(), !isWritten(v)) << name << ";\n";
    bindVariable(v, name);
    for (auto &[part, value] : openParts(type, name, buffers[v]))
      line() << "[[maybe_unused]] int" << indexBits << "_t " << part << ";\n";
  }
  bindVariable(v, name);
}

/// Declares a variable for each result that is used, without a value yet.
void Printer::declareResults(Operation &op, llvm::SmallVectorImpl<std::string> &targets) {
  for (Value result : op.getResults()) {
    targets.emplace_back();
    if (!isLive(result))
      continue;
    targets.back() = numbered(prefixFor(result.getType()));
    declareVariable(result, targets.back());
  }
}

LogicalResult Printer::printFor(scf::ForOp op) {
  bool isUnsigned = op.getUnsignedCmp();
  Type type = op.getInductionVar().getType();
  unsigned bits = width(type);
  auto bound = [&](Value v) {
    Expr e = value(v);
    if (e.readsMemory) { // evaluated once, not in every iteration
      declare(v, e);
      e = exprs[v];
    }
    return e;
  };
  Expr lower = bound(op.getLowerBound()), upper = bound(op.getUpperBound());
  Expr step = bound(op.getStep());
  llvm::SmallVector<std::string> targets;
  for (auto [init, arg, result] :
       llvm::zip_equal(op.getInitArgs(), op.getRegionIterArgs(), op.getResults())) {
    targets.emplace_back();
    if (!isLive(arg) && !isLive(result))
      continue;
    declareCarried(*op, init, {arg, result}, targets.back());
  }
  flushReads();
  unsigned depth = loopDepth;
  std::string i = loopVariable();
  Expr variable{i, Prec::Primary, bits};
  exprs[op.getInductionVar()] = variable;
  Expr test = isUnsigned ? binary("<", Prec::Relational, toUnsigned(variable, bits),
                                  toUnsigned(upper, bits))
                         : binary("<", Prec::Relational, variable, upper);
  line() << "for (" << typeName(type) << " " << i << " = " << lower.text << "; " << test.text
         << "; ";
  if (step.text == "1")
    os << "++" << i;
  else
    os << i << " += " << step.text;
  os << ") {\n";
  if (failed(printBody(*op.getBody())))
    return failure();
  ++indent;
  assignAll(targets, llvm::to_vector(op.getYieldedValues()));
  --indent;
  waiting.clear(); // loads that nobody used
  line() << "}\n";
  loopDepth = depth;
  return success();
}

LogicalResult Printer::printIf(scf::IfOp op) {
  std::string condition = expr(op.getCondition()).text;
  flushReads();
  llvm::SmallVector<std::string> targets;
  declareResults(*op, targets);
  auto branch = [&](Region &region) {
    if (failed(printBody(region.front())))
      return failure();
    ++indent;
    assignAll(targets, llvm::to_vector(region.front().getTerminator()->getOperands()));
    --indent;
    waiting.clear();
    return success();
  };
  line() << "if (" << condition << ") {\n";
  if (failed(branch(op.getThenRegion())))
    return failure();
  if (!op.getElseRegion().empty()) {
    size_t start = body.size();
    line() << "} else {\n";
    size_t inside = body.size();
    if (failed(branch(op.getElseRegion())))
      return failure();
    if (body.size() == inside)
      body.resize(start);
  }
  line() << "}\n";
  return success();
}

LogicalResult Printer::printWhile(scf::WhileOp op) {
  llvm::SmallVector<std::string> targets;
  for (auto [init, arg] : llvm::zip_equal(op.getInits(), op.getBeforeArguments())) {
    targets.emplace_back();
    if (!isLive(arg))
      continue;
    declareCarried(*op, init, {arg}, targets.back());
  }
  flushReads();
  // What the condition forwards is what the body sees and what is left at the
  // end: the carried variable itself, or one of its own.
  scf::ConditionOp condition = op.getConditionOp();
  llvm::SmallVector<std::string> forwarded;
  llvm::SmallVector<Value> sources;
  for (auto [v, arg, result] :
       llvm::zip_equal(condition.getArgs(), op.getAfterArguments(), op.getResults())) {
    auto own = dyn_cast<BlockArgument>(v);
    bool plain = own && own.getOwner() == op.getBeforeBody();
    if (!isLive(arg) && !isLive(result))
      continue;
    std::string name;
    if (plain) {
      name = targets[own.getArgNumber()];
    } else {
      name = numbered(prefixFor(v.getType()));
      declareVariable(result, name);
      forwarded.push_back(name);
      sources.push_back(v);
    }
    bindVariable(arg, name);
    bindVariable(result, name);
    // Forwarded twice: nobody may take the variable over.
    if (llvm::count(condition.getArgs(), v) > 1) {
      variables.erase(arg);
      variables.erase(result);
    }
  }
  size_t start = body.size();
  line() << "for (;;) {\n";
  size_t inside = body.size();
  if (failed(printBody(*op.getBeforeBody())))
    return failure();
  ++indent;
  Expr test = expr(condition.getCondition());
  // The test may need a value that the assignments below change.
  assignAll(forwarded, sources);
  --indent;
  waiting.clear();
  if (body.size() == inside) {
    body.resize(start);
    line() << "while (" << test.text << ") {\n";
  } else {
    ++indent;
    line() << "if (!" << paren(test, Prec::Unary) << ")\n";
    ++indent;
    line() << "break;\n";
    indent -= 2;
  }
  if (failed(printBody(*op.getAfterBody())))
    return failure();
  ++indent;
  assignAll(targets, llvm::to_vector(op.getYieldOp().getOperands()));
  --indent;
  waiting.clear();
  line() << "}\n";
  return success();
}

LogicalResult Printer::printSwitch(scf::IndexSwitchOp op) {
  std::string selector = value(op.getArg()).text;
  flushReads();
  llvm::SmallVector<std::string> targets;
  declareResults(*op, targets);
  line() << "switch (" << selector << ") {\n";
  auto branch = [&](Region &region) {
    if (failed(printBody(region.front())))
      return failure();
    ++indent;
    assignAll(targets, llvm::to_vector(region.front().getTerminator()->getOperands()));
    line() << "break;\n";
    --indent;
    waiting.clear();
    line() << "}\n";
    return success();
  };
  for (auto [label, region] : llvm::zip_equal(op.getCases(), op.getCaseRegions())) {
    line() << "case " << label << ": {\n";
    if (failed(branch(region)))
      return failure();
  }
  line() << "default: {\n";
  if (failed(branch(op.getDefaultRegion())))
    return failure();
  line() << "}\n";
  return success();
}

void Printer::printEarlyEnd(const std::string &condition, const std::string &status) {
  line() << "if (" << condition << ")";
  if (inEntry && !onError.empty()) {
    os << " {\n";
    ++indent;
    line() << onError << "\n";
    line() << "return " << status << ";\n";
    --indent;
    line() << "}\n";
    return;
  }
  os << "\n";
  ++indent;
  line() << "return " << status << ";\n";
  --indent;
}

LogicalResult Printer::printAssert(cf::AssertOp op) {
  Expr condition = value(op.getArg());
  flushReads();
  std::string status = op.getMsg().starts_with("DLC_ERR_") ? op.getMsg().str() : "DLC_ERR_OTHER";
  printEarlyEnd("!" + paren(condition, Prec::Unary), status);
  return success();
}

/// Functions of runtime-lite take pointers, whatever their buffers are in the IR.
LogicalResult Printer::printRuntimeCall(func::CallOp op) {
  StringRef name = op.getCallee();
  callsRuntime = true;
  llvm::SmallVector<std::string> args;
  for (auto [i, operand] : llvm::enumerate(op.getOperands())) {
    if (!isa<MemRefType>(operand.getType())) {
      args.push_back("static_cast<size_t>(" + value(operand).text + ")");
      continue;
    }
    StringRef type = name == "dlc_pool_drop" ? "void **"
                     : i == 0 && name.starts_with("dlc_pool_") ? "dlc_pool *"
                                                               : "void *";
    args.push_back("reinterpret_cast<" + type.str() + ">(" + at(buffer(operand), true).text + ")");
  }
  flushReads();
  std::string text = name.str() + "(" + llvm::join(args, ", ") + ")";
  if (op.getNumResults() == 0) {
    line() << text << ";\n";
    return success();
  }
  auto type = dyn_cast<MemRefType>(op.getResult(0).getType());
  if (!type)
    return unsupported(*op, "a function of the runtime gives something else than memory");
  Buffer b;
  b.pointer = {numbered("p")};
  std::string pointer = pointerName(type.getElementType(), /*isConst=*/false);
  line() << pointer << "const " << b.pointer.text << " = static_cast<" << pointer << ">(" << text
         << ");\n";
  setStatic(b, type);
  buffers[op.getResult(0)] = b;
  return success();
}

/// A function that consists of parts: its arguments in a structure, which a lambda
/// without captures unpacks.
LogicalResult Printer::printParallelCall(func::CallOp op, func::FuncOp part) {
  callsRuntime = true;
  llvm::SmallVector<std::string> fields, args, loads{"static_cast<" + typeName(op.getOperand(0).getType()) + ">(index)"};
  for (auto [i, operand] : llvm::enumerate(op.getOperands().drop_front())) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type || !type.hasStaticShape() || !type.getLayout().isIdentity())
      return unsupported(*op, "parts take contiguous buffers of static shape");
    std::string field = "p" + std::to_string(i);
    fields.push_back(pointerName(type.getElementType(), !isWritten(part.getArgument(i + 1))) + field + ";");
    args.push_back(at(buffer(operand), true).text);
    loads.push_back("c." + field);
  }
  flushReads();
  std::string count = std::to_string(part->getAttrOfType<IntegerAttr>(rt::kTasks).getInt());
  line() << "struct Context { " << llvm::join(fields, " ") << " };\n";
  line() << "Context context = {" << llvm::join(args, ", ") << "};\n";
  line() << "dlc_parallel_for([](void *argument, size_t index) {\n";
  line() << "  const Context &c = *static_cast<const Context *>(argument);\n";
  line() << "  " << symbols.lookup(op.getCallee()) << "(" << llvm::join(loads, ", ") << ");\n";
  line() << "}, &context, " << count << ");\n";
  return success();
}

LogicalResult Printer::printCall(func::CallOp op) {
  auto function = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
  if (function && function.isExternal())
    return printRuntimeCall(op);
  if (function && function->hasAttr(rt::kTasks))
    return printParallelCall(op, function);
  llvm::SmallVector<std::string> args;
  for (Value operand : op.getOperands()) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type) {
      if (isa<VectorType>(operand.getType()))
        return unsupported(*op, "vectors are not passed to functions");
      args.push_back(value(operand).text);
      continue;
    }
    Buffer &b = buffer(operand);
    args.push_back(at(b, true).text);
    // What the type leaves open follows the pointer, as declareParameter says.
    llvm::SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)))
      return unsupported(*op, "the layout of a buffer has no strides");
    auto pass = [&](llvm::ArrayRef<int64_t> known, llvm::ArrayRef<Dim> dims) {
      for (auto [k, d] : llvm::zip_equal(known, dims))
        if (ShapedType::isDynamic(k))
          args.push_back(d.isConstant() ? std::to_string(d.value) : d.text);
    };
    pass(type.getShape(), b.sizes);
    pass(strides, b.strides);
  }
  flushReads();
  if (op.getNumResults() > 1)
    return unsupported(*op, "more than one result");
  std::string text = symbols.lookup(op.getCallee()) + "(" + llvm::join(args, ", ") + ")";
  std::string status;
  if (withStatus.contains(function)) {
    status = numbered("status");
    text = "const dlc_status " + status + " = " + text;
  }
  // ModelInfo lists the calls of layers in the order of the entry.
  bool hooks = false;
  if (profile && inEntry) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
    hooks = callee->hasAttr(rt::kLayer) && nextLayer < info->layers.size();
  }
  auto hook = [&](const char *when) {
    if (hooks)
      line() << "dlc_profile_" << when << "(&" << info->name << "_model, " << nextLayer << ");\n";
  };
  hook("begin");
  llvm::scope_exit done([&] {
    hook("end");
    nextLayer += hooks;
  });
  if (op.getNumResults() == 0 || !isLive(op.getResult(0))) {
    line() << text << ";\n";
    if (!status.empty())
      printEarlyEnd(status + " != DLC_OK", status);
    return success();
  }
  declare(op.getResult(0), {text, Prec::Postfix, width(op.getResult(0).getType())});
  return success();
}

LogicalResult Printer::printScf(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return printFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return printIf(branch);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return printWhile(loop);
  if (auto select = dyn_cast<scf::IndexSwitchOp>(op))
    return printSwitch(select);
  return unsupported(op);
}
