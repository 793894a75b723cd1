// This file runs loop nests: parallel points in lanes, reductions in order.
#include "passes/evaluate/Program.h"

#include "llvm/ADT/STLExtras.h"

using namespace dlc::evaluation;
using llvm::SmallVector;

namespace {
/// Steps through the index space of some dimensions, last one fastest, and
/// keeps the offset of every access.
struct Odometer {
  const Nest &nest;
  SmallVector<unsigned, 8> dims;
  SmallVector<int64_t, 8> index;
  SmallVector<const Access *, 8> accesses;
  SmallVector<int64_t, 8> offsets;
  int64_t count = 1;

  Odometer(const Nest &nest, llvm::ArrayRef<const Access *> all)
      : nest(nest), accesses(all), offsets(all.size(), 0) {}
  void add(unsigned dim) {
    dims.push_back(dim);
    index.push_back(0);
    count *= nest.extents[dim];
  }
  /// Moves on by `n` in the last dimension (not past its end) and carries.
  void advance(int64_t n) {
    for (unsigned k = dims.size(); k-- > 0;) {
      unsigned d = dims[k];
      index[k] += n;
      for (auto [a, access] : llvm::enumerate(accesses))
        offsets[a] += n * access->coefs[d];
      if (index[k] < nest.extents[d])
        return;
      for (auto [a, access] : llvm::enumerate(accesses))
        offsets[a] -= index[k] * access->coefs[d];
      index[k] = 0;
      n = 1;
    }
  }
};
} // namespace

/// Whether each parallel point has an element of its own, which no reduction
/// moves: then many points may run side by side.
static bool hasOwnElements(const Nest &nest, const Access &access) {
  SmallVector<std::pair<int64_t, int64_t>, 8> steps;
  for (auto [d, extent] : llvm::enumerate(nest.extents)) {
    int64_t coef = access.coefs[d];
    if (nest.reduction[d] ? coef != 0 : extent > 1 && coef <= 0)
      return false;
    if (!nest.reduction[d] && extent > 1)
      steps.push_back({coef, extent});
  }
  llvm::sort(steps);
  int64_t reach = 0;
  for (auto [coef, extent] : steps) {
    if (coef <= reach)
      return false;
    reach += coef * (extent - 1);
  }
  return true;
}

bool dlc::evaluation::staysInside(const Nest &nest, const Access &access,
                                  int64_t size) {
  int64_t low = access.base, high = access.base;
  for (auto [d, extent] : llvm::enumerate(nest.extents)) {
    if (extent == 0)
      return true;
    int64_t reach;
    if (__builtin_mul_overflow(access.coefs[d], extent - 1, &reach) ||
        __builtin_add_overflow(reach < 0 ? low : high, reach,
                               reach < 0 ? &low : &high))
      return false;
  }
  return low >= 0 && high < size;
}

bool dlc::evaluation::runNest(Machine &machine, const Nest &nest, Frame &body) {
  bool sideBySide = llvm::all_of(nest.outputs, [&](const Nest::Output &o) {
    return hasOwnElements(nest, o);
  });
  // Epilogues need finished elements; who has them keeps this promise.
  if (!sideBySide && nest.epilogue)
    return false;
  // A space that is too large is refused before it is walked, not after.
  int64_t total = body.program.code.size() + 1;
  bool nothing = false;
  for (int64_t extent : nest.extents) {
    if (extent < 0)
      return false;
    if (extent == 0)
      nothing = true;
    else if (__builtin_mul_overflow(total, extent, &total))
      return false; // even if another extent is 0: such shapes are absurd
  }
  if (!nothing && total > machine.budget.maxSteps - machine.budget.steps)
    return false;

  SmallVector<const Access *, 8> all;
  for (const Access &a : nest.inputs)
    all.push_back(&a);
  for (const Access &a : nest.outputs)
    all.push_back(&a);
  size_t moving = all.size();
  for (const Access &a : nest.epilogueInputs)
    all.push_back(&a);

  Odometer points(nest, all), steps(nest, llvm::ArrayRef(all).take_front(moving));
  for (unsigned d = 0; d < nest.extents.size(); ++d)
    (sideBySide && !nest.reduction[d] ? points : steps).add(d);
  if (points.count == 0)
    return true;
  SmallVector<std::pair<unsigned, unsigned>, 4> pointIndices, stepIndices;
  for (auto [reg, dim] : nest.indices) {
    auto *found = llvm::find(points.dims, dim);
    if (found != points.dims.end())
      pointIndices.push_back({reg, unsigned(found - points.dims.begin())});
    else
      stepIndices.push_back(
          {reg, unsigned(llvm::find(steps.dims, dim) - steps.dims.begin())});
  }

  const unsigned lanes =
      nest.epilogue ? std::min(body.lanes, nest.epilogue->lanes) : body.lanes;
  std::vector<int64_t> at(all.size() * lanes);
  std::vector<Slot> yielded(nest.outputs.size() * lanes);
  size_t inputs = nest.inputs.size();
  auto offsetsOf = [&](size_t access) { return at.data() + access * lanes; };
  auto loadOutputs = [&](unsigned n, bool moved) {
    for (auto [k, out] : llvm::enumerate(nest.outputs)) {
      if (out.init)
        load(out.element, out.data, offsetsOf(inputs + k),
             out.base + (moved ? steps.offsets[inputs + k] : 0),
             body.reg(out.reg), n);
      else if (!moved)
        std::fill_n(body.reg(out.reg), n, 0);
    }
  };
  auto storeOutputs = [&](unsigned n, bool moved) {
    for (auto [k, out] : llvm::enumerate(nest.outputs))
      if (out.store)
        store(out.element, out.data, offsetsOf(inputs + k),
              out.base + (moved ? steps.offsets[inputs + k] : 0),
              body.reg(out.reg), n);
  };

  for (int64_t done = 0; done < points.count;) {
    unsigned n = std::min<int64_t>(lanes, points.count - done);
    for (unsigned i = 0; i < n;) {
      int64_t run = 1;
      if (!points.dims.empty())
        run = std::min<int64_t>(n - i, nest.extents[points.dims.back()] -
                                           points.index.back());
      for (size_t a = 0; a < all.size(); ++a) {
        int64_t first = points.offsets[a];
        int64_t step =
            points.dims.empty() ? 0 : all[a]->coefs[points.dims.back()];
        int64_t *to = offsetsOf(a) + i;
        for (int64_t r = 0; r < run; ++r)
          to[r] = first + r * step;
      }
      for (auto [reg, k] : pointIndices)
        for (int64_t r = 0; r < run; ++r)
          body.reg(reg)[i + r] =
              points.index[k] + (k + 1 == points.dims.size() ? r : 0);
      points.advance(run);
      i += run;
    }

    if (sideBySide)
      loadOutputs(n, false);
    for (int64_t step = 0; step < steps.count; ++step) {
      for (size_t a = 0; a < inputs; ++a)
        load(all[a]->element, all[a]->data, offsetsOf(a),
             all[a]->base + steps.offsets[a], body.reg(all[a]->reg), n);
      for (auto [reg, k] : stepIndices)
        std::fill_n(body.reg(reg), n, steps.index[k]);
      if (!sideBySide)
        loadOutputs(n, true);
      if (!machine.budget.tick(n) || !machine.run(body, n))
        return false;
      // All results are read before any is overwritten.
      if (nest.outputs.size() == 1) {
        const Nest::Output &out = nest.outputs[0];
        std::copy_n(body.reg(out.yield), n, body.reg(out.reg));
      } else {
        for (auto [k, out] : llvm::enumerate(nest.outputs))
          std::copy_n(body.reg(out.yield), n, yielded.data() + k * lanes);
        for (auto [k, out] : llvm::enumerate(nest.outputs))
          std::copy_n(yielded.data() + k * lanes, n, body.reg(out.reg));
      }
      if (!sideBySide)
        storeOutputs(n, true);
      steps.advance(1);
    }

    if (nest.epilogue) {
      Frame &epilogue = *nest.epilogue;
      const Nest::Output &out = nest.outputs[0];
      std::copy_n(body.reg(out.reg), n, epilogue.reg(0));
      for (auto [k, in] : llvm::enumerate(nest.epilogueInputs))
        load(in.element, in.data, offsetsOf(moving + k), in.base,
             epilogue.reg(in.reg), n);
      if (!machine.run(epilogue, n))
        return false;
      store(out.element, out.data, offsetsOf(inputs), out.base,
            epilogue.reg(nest.epilogueYield), n);
    } else if (sideBySide) {
      storeOutputs(n, false);
    }
    done += n;
  }
  return true;
}
