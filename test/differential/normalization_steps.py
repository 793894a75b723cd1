"""Steps that normalize: by mean, deviation or norm of some axes."""

import numpy as np

from builder import Tensor


class NormalizationSteps:
    def normalized(self, x):
        """Normalizations and norms: rows less their mean, over their deviation or length."""
        if x.q.ndim < 2:
            return self.rectified(x)
        d = np.float64(x.scale) * (x.q - x.zero)
        rank, channels, epsilon = x.q.ndim, x.shape[1], self.pick(1e-5, 1e-5, 1e-3, 1e-12)
        self.graph.opsets[""] = max(self.graph.opsets[""], 18)
        op = self.pick("LayerNormalization", "LayerNormalization", "RMSNormalization", "InstanceNormalization",
                       "GroupNormalization", "MeanVarianceNormalization", "LpNormalization", "ReduceL1", "ReduceL2",
                       "ReduceSumSquare")
        inputs, attributes = [self.dequantize(x)], {}

        def parameters(shape, beta=True):
            low, high = self.pick((.5, 1.5), (1, 1), (-2, 2))
            gamma = self.rng.uniform(low, high, shape).astype(np.float32)
            if self.chance(.3):
                q = self.rng.integers(-128, 128, shape)
                stored = Tensor(self.constant(q.astype(np.int8), "gamma"), q, "int8", self.scale(.001, .05), self.between(-9, 9))
                inputs.append(self.dequantize(stored))
                gamma = stored.real
            else:
                inputs.append(self.constant(gamma, "gamma"))
            offsets = (self.rng.normal(0, self.pick(0, 1), shape) if beta else np.zeros(shape)).astype(np.float32)
            if beta:
                inputs.append(self.constant(offsets, "beta"))
            return gamma.astype(np.float64), offsets.astype(np.float64)

        def over_deviation(values, axes):
            centred = values - values.mean(axes, keepdims=True)
            # Halves of rows that are all equal are no noise of the mean.
            centred[np.broadcast_to(np.ptp(values, axes, keepdims=True) == 0, values.shape)] = 0
            variance = (centred**2).mean(axes, keepdims=True)
            return centred, variance

        if op in ("LayerNormalization", "RMSNormalization"):
            axis = self.between(1, rank - 1)
            axes = tuple(range(axis, rank))
            root = op == "RMSNormalization"
            gamma, beta = parameters(x.shape[axis:], beta=not root and self.chance(.8))
            if root:
                self.graph.opsets[""] = 23
            centred, variance = (d, (d**2).mean(axes, keepdims=True)) if root else over_deviation(d, axes)
            y, attributes = centred / np.sqrt(variance + np.float32(epsilon)) * gamma, {"axis": axis, "epsilon": epsilon}
        elif op == "InstanceNormalization" and rank > 2:
            gamma, beta = (v.reshape(-1, *[1] * (rank - 2)) for v in parameters((channels,)))
            centred, variance = over_deviation(d, tuple(range(2, rank)))
            y, attributes = centred / np.sqrt(variance + np.float32(epsilon)) * gamma, {"epsilon": epsilon}
        elif op == "GroupNormalization" and rank > 2:
            self.graph.opsets[""] = max(self.graph.opsets[""], 21)
            groups = self.pick(*(g for g in range(1, channels + 1) if channels % g == 0))
            gamma, beta = (v.reshape(-1, *[1] * (rank - 2)) for v in parameters((channels,)))
            centred, variance = over_deviation(d.reshape(x.shape[0], groups, -1), (2,))
            y = (centred / np.sqrt(variance + np.float32(epsilon))).reshape(x.shape) * gamma
            attributes = {"epsilon": epsilon, "num_groups": groups}
        elif op == "MeanVarianceNormalization" and rank == 4:
            centred, variance = over_deviation(d, (0, 2, 3))
            y, beta = centred / (np.sqrt(variance) + 1e-9), np.zeros(())
        elif op == "LpNormalization":
            p, axis = self.pick(1, 2), self.between(-rank, rank - 1)
            length = np.abs(d).sum(axis, keepdims=True) if p == 1 else np.sqrt((d**2).sum(axis, keepdims=True))
            y, beta, attributes = d / np.where(length == 0, 1, length), np.zeros(()), {"axis": axis, "p": p}
        else:
            op = op if op.startswith("Reduce") else "ReduceL2"
            axes, keep = tuple(sorted(self.rng.permutation(rank)[:self.between(1, rank)].tolist())), int(self.chance(.5))
            keep |= len(axes) == rank
            inputs.append(self.constant(np.array(axes, np.int64), "axes"))
            f = {"ReduceL1": np.abs(d).sum, "ReduceL2": (d**2).sum, "ReduceSumSquare": (d**2).sum}[op]
            y, beta, attributes = f(axis=axes, keepdims=bool(keep)), np.zeros(()), {"keepdims": keep}
            if op == "ReduceL2":
                y = np.sqrt(y)
        self.text.append(f"{op} {list(x.shape)} {attributes}")
        real, size = y + beta, np.abs(y) + np.abs(beta)
        name, real = self.activation(self.node(op, inputs, **attributes), real, size)
        return self.quantize(name, real, size, relative=2.0**-20 if self.wide else 2.0**-19, wide=2.0**-28)
