/// A run configuration that passed every check that needs no logs. Only this one can train.
public struct CheckedRun: Sendable {
    public let configuration: RunConfiguration

    init(
        checking configuration: RunConfiguration, positions: FeaturePositions, locations: [String: Location]
    ) throws(SchemaError) {
        var validation = Validation(configuration, positions: positions, locations: locations)
        validation.check()
        guard validation.issues.isEmpty else { throw SchemaError(validation.issues) }
        self.configuration = configuration
    }

    /// What is allowed but probably not meant, given how long the run is.
    public func warnings(totalSteps: Int) -> [String] {
        var warnings: [String] = []
        let distillation = configuration.distillation
        let warmup = configuration.training.optimiser.warmup.resolved(totalSteps: totalSteps)
        if warmup > 0, warmup >= totalSteps {
            warnings.append(
                "training.optimiser.warmup: the warm-up lasts \(warmup) steps and the run \(totalSteps), so the learning "
                    + "rate never reaches \(configuration.training.optimiser.learningRate); "
                    + "say a share of the run, as `warmup: {fraction: 0.1}`")
        }
        guard configuration.distils else { return warnings }
        let swap = distillation.swappingStep.resolved(totalSteps: totalSteps)
        if swap >= totalSteps {
            warnings.append(
                "distillation.swapping_step: lambda is 0 before step \(swap) and the run has \(totalSteps) steps, so "
                    + "nothing is distilled; say a share of the run, as `swapping_step: {fraction: 0.3}`")
        } else if case .linear(_, let to, let over) = distillation.lambda {
            let end = swap + over.resolved(totalSteps: totalSteps)
            if end > totalSteps {
                warnings.append(
                    "distillation.lambda: lambda would reach \(to) at step \(end) and the run has \(totalSteps) steps; "
                        + "shorten `over` or start earlier (swapping_step)")
            }
        }
        return warnings
    }

    /// What is allowed but probably not meant, whatever the length of the run.
    public var warnings: [String] {
        var warnings: [String] = []
        let schema = configuration.schema
        let distillation = configuration.distillation
        if configuration.distils, distillation.lambda.isZero {
            warnings.append("distillation.lambda: 0 distils nothing; this is the baseline with a teacher beside it")
        }
        if let control = distillation.control {
            warnings.append("distillation.control: \(control.rawValue) is a control, not a model to serve")
        }
        if !configuration.teacherReadsPrivileged, distillation.control == nil, !schema.privileged.isEmpty {
            warnings.append(
                "features: \(distillation.method.rawValue) reads no privileged feature; "
                    + "\(schema.privileged.count) of them wait for lupi, pfd or pfd+md")
        }
        if distillation.method != .mtl, schema.labels.count > 1 {
            warnings.append("columns.labels: only mtl learns more than the first label, '\(schema.labels[0].name)'")
        }
        if configuration.logs.test.isEmpty, configuration.logs.testSplit == nil {
            warnings.append("logs: no `test` and no `test_split`, so the run ends without a test AUC")
        }
        if schema.requestColumn == nil {
            warnings.append(
                "columns.request: not said, so every sample is its own request: user inputs are computed once a sample")
        }
        return warnings
    }
}

extension RunConfiguration {
    /// Checks everything that can be checked without the logs.
    /// - Throws: `SchemaError` with every issue found.
    public func validated() throws(SchemaError) -> CheckedRun {
        try CheckedRun(checking: self, positions: FeaturePositions(of: schema), locations: [:])
    }

    /// Whether a student is taught by anybody, by a teacher of this run or by a column.
    public var distils: Bool { distillation.method.hasTeacher }

    /// Whether this run trains a teacher.
    public var trainsTeacher: Bool { distillation.method.hasTeacher && !distillation.softLabelsFromColumn }

    /// Whether this run trains a teacher that reads privileged features.
    public var teacherReadsPrivileged: Bool {
        trainsTeacher && distillation.method.usesPrivileged && distillation.control != .selfDistillation
    }
}

extension LambdaSchedule {
    var isZero: Bool {
        switch self {
        case .constant(let lambda): lambda == 0
        case .linear(let from, let to, _): from == 0 && to == 0
        }
    }
}
