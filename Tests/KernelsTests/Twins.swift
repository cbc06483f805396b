import Kernels
import Testing

/// Sizes around the vector width of the float kernels (16).
let awkwardSizes = [0, 1, 15, 16, 17, 33]

/// Steele, Lea and Flood's SplitMix64: the same numbers on every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func value(_ range: ClosedRange<Float> = -2...2) -> Float { Float.random(in: range, using: &self) }
}

/// The same numbers as a `Float` and as a `Double` matrix, one element off alignment and with a gap after
/// each row that no kernel may touch.
final class Twins {
    let float: Matrix<Float>
    let double: Matrix<Double>
    private let floatMemory: UnsafeMutablePointer<Float>
    private let doubleMemory: UnsafeMutablePointer<Double>
    private static var guardValue: Float { 12345 }

    init(_ rows: Int, _ columns: Int, gap: Int = 3, _ value: () -> Float) {
        let count = rows * (columns + gap) + 2
        floatMemory = .allocate(capacity: count)
        doubleMemory = .allocate(capacity: count)
        floatMemory.update(repeating: Self.guardValue, count: count)
        doubleMemory.update(repeating: Double(Self.guardValue), count: count)
        float = Matrix(base: floatMemory + 1, rows: rows, columns: columns, stride: columns + gap)
        double = Matrix(base: doubleMemory + 1, rows: rows, columns: columns, stride: columns + gap)
        for r in 0..<rows {
            for c in 0..<columns {
                float[r, c] = value()
                double[r, c] = Double(float[r, c])
            }
        }
    }

    /// A vector, or the per-column or per-row companion of a matrix.
    convenience init(count: Int, _ value: () -> Float) { self.init(1, count, gap: 0, value) }

    deinit {
        floatMemory.deallocate()
        doubleMemory.deallocate()
    }

    var f: UnsafeMutablePointer<Float> { float.base }
    var d: UnsafeMutablePointer<Double> { double.base }
    var values: [Double] { (0..<double.rows).flatMap { r in (0..<double.columns).map { double[r, $0] } } }

    /// Float agrees with Double up to `tolerance (1 + |value|)`, and the gaps are as they were.
    func expectAgreement(
        tolerance: Double = 2e-6, _ label: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var worst = 0.0
        for r in 0..<float.rows {
            for c in 0..<float.columns {
                let error = abs(Double(float[r, c]) - double[r, c]) / (1 + abs(double[r, c]))
                worst = error.isNaN ? .infinity : max(worst, error)
            }
            for c in float.columns..<float.stride {
                #expect(
                    float[r, c] == Self.guardValue && double[r, c] == Double(Self.guardValue),
                    "gap of row \(r) \(label)", sourceLocation: sourceLocation)
            }
        }
        #expect(floatMemory[0] == Self.guardValue, sourceLocation: sourceLocation)
        #expect(worst <= tolerance, "\(label) [\(float.rows), \(float.columns)]", sourceLocation: sourceLocation)
    }

    /// The Double twin agrees with `expected` (row-major).
    func expectDouble(_ expected: [Double], _ label: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
        let worst = zip(values, expected).map { abs($0 - $1) / (1 + abs($1)) }.reduce(0) {
            $1.isNaN ? .infinity : max($0, $1)
        }
        #expect(values.count == expected.count && worst <= 1e-12, "\(label)", sourceLocation: sourceLocation)
    }

    /// `gradient` is the derivative of `loss` with respect to this twin's Double values.
    func expectGradient(
        _ gradient: [Double], step: Double = 1e-5, tolerance: Double = 1e-7, _ label: String = "",
        sourceLocation: SourceLocation = #_sourceLocation, of loss: () -> Double
    ) {
        #expect(gradient.count == double.count, sourceLocation: sourceLocation)
        var worst = 0.0
        for r in 0..<double.rows {
            for c in 0..<double.columns {
                let kept = double[r, c]
                double[r, c] = kept + step
                let above = loss()
                double[r, c] = kept - step
                let below = loss()
                double[r, c] = kept
                let numeric = (above - below) / (2 * step)
                let given = gradient[r * double.columns + c]
                let error = abs(numeric - given) / (1 + abs(numeric))
                worst = error.isNaN ? .infinity : max(worst, error)
            }
        }
        #expect(worst <= tolerance, "\(label)", sourceLocation: sourceLocation)
    }
}

/// Sum of a_i b_i: a scalar loss whose gradient with respect to a is b.
func inner(_ a: Twins, _ b: Twins) -> Double { zip(a.values, b.values).reduce(0) { $0 + $1.0 * $1.1 } }
