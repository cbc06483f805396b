/// Linear warm-up, then constant (PFD, section 5.2: to 0.01 over 10^6 steps).
public struct LearningRateSchedule: Sendable, Hashable, Codable {
    /// The rate after warm-up.
    public let peak: Float
    /// Steps of warm-up; 0 for none.
    public let warmUpSteps: Int

    public init(peak: Float, warmUpSteps: Int = 0) {
        precondition(warmUpSteps >= 0, "LearningRateSchedule: \(warmUpSteps) steps of warm-up")
        self.peak = peak
        self.warmUpSteps = warmUpSteps
    }

    /// peak min(1, (step + 1) / warmUpSteps), `step` counted from 0: the first step's rate is not zero, and
    /// step `warmUpSteps - 1` is the first at the peak.
    public func rate(step: Int) -> Float {
        if step + 1 >= warmUpSteps { return peak }
        return Float(Double(peak) * Double(step + 1) / Double(warmUpSteps))
    }
}
