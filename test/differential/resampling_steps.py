"""Steps that interpolate: Resize in its modes."""

import numpy as np

from builder import RANGES, Ambiguous, is_power_of_two


class ResamplingSteps:
    def resize(self, x):
        """Upsampling by repetition."""
        if x.q.ndim != 4 or x.q.size > 800:
            return self.rectified(x)
        by = [self.between(1, 2), self.between(1, 3)]
        self.text.append(f"resize {list(x.shape)} by {by}")
        scales = self.constant(np.array([1, 1, *by], np.float32), "scales")
        return self.moved(x, x.q.repeat(by[0], 2).repeat(by[1], 3), lambda name: self.node(
            "Resize", [name, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric",
            nearest_mode="floor"))

    def bilinear(self, x):
        """Interpolation of the last two dimensions, up and down."""
        if x.q.ndim != 4 or x.q.size > 600:
            return self.rectified(x)
        by, mode = [self.pick(1, 2, 2, 3, 4, .5) for _ in range(2)], self.pick("half_pixel", "asymmetric")
        sizes = [int(np.floor(d * s)) for d, s in zip(x.shape[2:], by)]
        if min(sizes) < 1:
            return self.rectified(x)
        self.text.append(f"bilinear {list(x.shape)} by {by} {mode}")

        def along(values, axis, size, scale):
            at = (np.arange(size) + .5) / scale - .5 if mode == "half_pixel" else np.arange(size) / scale
            low = np.floor(at)
            first, second = (np.clip(low + i, 0, values.shape[axis] - 1).astype(int) for i in (0, 1))
            weight = (at - low).reshape([-1 if d == axis else 1 for d in range(4)])
            return values.take(first, axis) * (1 - weight) + values.take(second, axis) * weight

        def both(values):
            return along(along(values, 2, sizes[0], by[0]), 3, sizes[1], by[1])

        name = self.node("Resize", [self.dequantize(x), "", self.constant(np.array([1, 1, *by], np.float32), "scales")],
                         mode="linear", coordinate_transformation_mode=mode)
        parameters = (x.scale, x.zero, x.dtype) if self.chance(.6) else None
        # Sums of quarters and the like are exact in steps of the scale, ties, too.
        exact = "steps" if parameters else self.dyadic and is_power_of_two(x.scale)
        real = both((x.q - x.zero).astype(np.float64)) * np.float64(x.scale)
        return self.quantize(name, real, both(np.abs(x.real)), 3 not in by and exact, relative=2.0**-19,
                             parameters=parameters)

    def interpolated(self, x):
        """Resize of one to three dimensions with any weights, linear or cubic."""
        if x.q.ndim < 3 or x.q.size > 600:
            return self.rectified(x)
        mode = self.pick("linear", "linear", "linear", "cubic")
        transform = self.pick("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric")
        by_scale = transform != "align_corners" and self.chance(.4)
        dims = [2, 3] if x.q.ndim == 4 else [self.between(1, x.q.ndim - 1)]
        sizes, factors = list(x.shape), [np.float32(1)] * x.q.ndim
        for d in dims:
            if by_scale:
                factors[d] = np.float32(self.pick(1.5, 2, 3, .75, self.rng.uniform(.5, 2.5)))
                sizes[d] = int(np.floor(x.shape[d] * np.float64(factors[d])))
            else:
                sizes[d] = self.between(1, 3 * x.shape[d])
        if 0 in sizes or sizes == list(x.shape):
            return self.rectified(x)
        self.text.append(f"resize {mode} {transform} {list(x.shape)} -> {sizes} {factors if by_scale else ''}")

        def kernel(distance):
            distance = np.abs(distance)
            if mode == "linear":
                return np.maximum(1 - distance, 0)
            a = -.75
            return np.where(distance < 1, ((a + 2) * distance - (a + 3)) * distance**2 + 1,
                            np.where(distance < 2, a * (((distance - 5) * distance + 8) * distance - 4), 0))

        def along(values, axis, combine):
            length, size = x.shape[axis], sizes[axis]
            scale = np.float64(factors[axis]) if by_scale else size / length
            o = np.arange(size)
            if transform == "align_corners":
                at = o * (length - 1) / (size - 1) if size > 1 else np.zeros(1)
            elif transform == "asymmetric":
                at = o / scale
            else:
                at = (o + .5) / scale - .5
                if transform == "pytorch_half_pixel" and (length * scale == 1):
                    at = np.zeros(1)
                if transform == "half_pixel_symmetric":
                    at = at + length / 2 * (1 - size / (length * scale))
            first, taps, result = np.floor(at), (0, 1) if mode == "linear" else (-1, 0, 1, 2), 0
            for t in taps:
                weight = kernel(first + t - at).reshape([-1 if d == axis else 1 for d in range(values.ndim)])
                result = result + values.take(np.clip(first + t, 0, length - 1).astype(int), axis) * combine(weight)
            return result

        def all_dims(values, combine=lambda weight: weight):
            for d in dims:
                if sizes[d] != x.shape[d]:
                    values = along(values, d, combine)
            return values

        given = [self.constant(np.array(factors, np.float32), "scales")] if by_scale else [
            "", self.constant(np.array(sizes, np.int64), "sizes")]
        name = self.node("Resize", [self.dequantize(x), "", *given], mode=mode, coordinate_transformation_mode=transform)
        steps = all_dims((x.q - x.zero).astype(np.float64))
        if not by_scale and mode == "linear" and self.chance(.5):
            # Fractions of whole steps: ties are exact, whatever the denominator.
            whole = 4 * np.prod([2.0 * sizes[d] * max(sizes[d] - 1, 1) for d in dims])
            if whole < 2**36:
                steps = np.rint(steps * whole) / whole
                low, high = RANGES[x.dtype]
                q = np.clip(np.rint(steps) + x.zero, low, high).astype(np.int64)
                return self.stored(self.node("QuantizeLinear", [name, *self.parameters(x.scale, x.zero, x.dtype)]), q,
                                   x.dtype, x.scale, x.zero)
        real, size = steps * np.float64(x.scale), all_dims(np.abs(x.real), np.abs) + np.abs(x.zero * np.float64(x.scale))
        name, real = self.activation(name, real, size)
        # Weights of 20 bits where scales are no fractions; 16-bit tensors have none of these.
        if x.dtype.endswith("16") and by_scale:
            raise Ambiguous("weights")
        return self.quantize(name, real, size, relative=2.0**-16 if by_scale else 2.0**-19, wide=2.0**-28)
