import Foundation

/// Student's t distribution, for intervals over a handful of seeds.
public struct StudentT: Sendable {
    public let degreesOfFreedom: Double

    /// - Precondition: `degreesOfFreedom > 0`.
    public init(degreesOfFreedom: Double) {
        precondition(degreesOfFreedom > 0, "StudentT: \(degreesOfFreedom) degrees of freedom")
        self.degreesOfFreedom = degreesOfFreedom
    }

    /// The chance of a value beyond `t` or beyond `-t`; 1 at 0.
    public func twoSidedTail(_ t: Double) -> Double {
        regularisedBeta(degreesOfFreedom / (degreesOfFreedom + t * t), a: degreesOfFreedom / 2, b: 0.5)
    }

    /// The value that a draw stays below with the given probability, to about 1e-12 relative.
    ///
    /// - Precondition: `0 < probability < 1`.
    public func quantile(_ probability: Double) -> Double {
        precondition(probability > 0 && probability < 1, "StudentT.quantile(\(probability))")
        let tail = 2 * min(probability, 1 - probability)
        if tail == 1 { return 0 }
        var (low, high) = (0.0, 1.0)
        while twoSidedTail(high) > tail { (low, high) = (high, 2 * high) }
        for _ in 0..<100 {
            let middle = low + (high - low) / 2
            if twoSidedTail(middle) > tail { low = middle } else { high = middle }
        }
        return probability < 0.5 ? -high : high
    }
}

/// Regularised incomplete beta function I_x(a, b), by whichever of its two tails converges fast.
private func regularisedBeta(_ x: Double, a: Double, b: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    return x < (a + 1) / (a + b + 2) ? lowerBeta(x, a: a, b: b) : 1 - lowerBeta(1 - x, a: b, b: a)
}

/// I_x(a, b) by Lentz's method for the continued fraction DLMF 8.17.22.
private func lowerBeta(_ x: Double, a: Double, b: Double) -> Double {
    let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    let tiny = 1e-300
    var (c, d) = (1.0, 1 - (a + b) * x / (a + 1))
    d = 1 / (abs(d) < tiny ? tiny : d)
    var fraction = d
    for step in 1...300 {
        let m = Double(step)
        for coefficient in [
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ] {
            d = 1 + coefficient * d
            d = 1 / (abs(d) < tiny ? tiny : d)
            c = 1 + coefficient / c
            if abs(c) < tiny { c = tiny }
            fraction *= d * c
        }
        if abs(d * c - 1) < 1e-16 { break }
    }
    return front * fraction
}
