/// What a run is going to be, before it is: what `hindsight check` prints.
public struct Plan: Sendable, Equatable {
    public struct FeatureLine: Sendable, Equatable {
        public var name: String
        /// `user`, `item`, `interaction`, `interacted`, `post_event`, or the sequence's name.
        public var role: String
        public var isPrivileged: Bool
        public var column: String
        public var encoding: String
        public var table: String
        public var dimension: Int
    }

    public struct TableLine: Sendable, Equatable {
        public var name: String
        /// nil: known only once the vocabulary has been learnt.
        public var rows: Int?
        public var dimension: Int
        /// 2 when student and teacher keep one each, 0 when nobody reads it in this run.
        public var copies: Int
        public var owner: String
        /// Of all copies.
        public var valueBytes: Int?
        /// The optimiser's state, of all copies.
        public var stateBytes: Int?
    }

    public var title: String
    /// Key and value, in the order they are printed.
    public var summary: [(key: String, value: String)]
    public var features: [FeatureLine]
    public var tables: [TableLine]
    public var networks: RunNetworks
    /// Values and optimiser state of all dense weights.
    public var networkBytes: Int
    /// Values and optimiser state of all tables whose rows are known.
    public var tableBytes: Int
    /// Forward and backward, for one sample, nothing shared between samples.
    public var flopsPerSample: Double
    /// The same with every request's and item's work done once; nil without `samplesPerRequest`.
    public var deduplicatedFlopsPerSample: Double?
    public var samplesPerRequest: Double?
    public var totalSteps: Int?
    public var warnings: [String]

    public static func == (a: Plan, b: Plan) -> Bool { a.description == b.description }
}

extension CheckedRun {
    /// Plans the run.
    /// - Parameters:
    ///   - tableRows: rows of the tables whose vocabulary has been learnt, rows 0 (missing) and 1 (unseen) included.
    ///   - trainingRows: samples of the training split.
    ///   - samplesPerRequest: mean samples of one request, for the deduplicated cost.
    ///   - samplesPerItem: mean samples of one item within a batch.
    public func plan(
        tableRows: [String: Int] = [:], trainingRows: Int? = nil, samplesPerRequest: Double? = nil,
        samplesPerItem: Double = 1
    ) -> Plan {
        let run = configuration
        let networks = RunNetworks(run)
        let tables = planTables(networks, tableRows: tableRows)
        let totalSteps = trainingRows.map { run.training.totalSteps(rows: $0) }
        return Plan(
            title: run.name, summary: planSummary(trainingRows: trainingRows, totalSteps: totalSteps),
            features: planFeatures(), tables: tables, networks: networks,
            networkBytes: networks.parameters * 4 * (1 + run.training.optimiser.statesPerValue),
            tableBytes: tables.reduce(0) { $0 + ($1.valueBytes ?? 0) + ($1.stateBytes ?? 0) },
            flopsPerSample: networks.flops(run),
            deduplicatedFlopsPerSample: samplesPerRequest.map {
                networks.flops(run, samplesPerRequest: $0, samplesPerItem: samplesPerItem)
            },
            samplesPerRequest: samplesPerRequest, totalSteps: totalSteps,
            warnings: warnings + (totalSteps.map { warnings(totalSteps: $0) } ?? []))
    }

    private func planFeatures() -> [Plan.FeatureLine] {
        let schema = configuration.schema
        func line(_ feature: FeatureEncoding, _ role: String, isPrivileged: Bool = false) -> Plan.FeatureLine {
            var encoding = feature.encoding.description
            if let bag = feature.bag { encoding += ", \(bag.rawValue) of a bag" }
            return Plan.FeatureLine(
                name: feature.name, role: role, isPrivileged: isPrivileged, column: feature.column, encoding: encoding,
                table: feature.table, dimension: feature.dimension)
        }
        return schema.regular.map { line($0.encoding, $0.side.rawValue) }
            + (schema.sequence.map { sequence in sequence.fields.map { line($0, sequence.name) } } ?? [])
            + schema.privileged.map { line($0.encoding, $0.privilege.rawValue, isPrivileged: true) }
    }

    private func planTables(_ networks: RunNetworks, tableRows: [String: Int]) -> [Plan.TableLine] {
        let schema = configuration.schema
        let optimiser = configuration.training.optimiser
        let privileged = Set(schema.privileged.map(\.encoding.table))
        return schema.tables.map { table in
            let owner: String
            let copies: Int
            if privileged.contains(table.name) {
                (owner, copies) = configuration.teacherReadsPrivileged ? ("teacher", 1) : ("unused", 0)
            } else if !networks.teacherReadsRegular {
                (owner, copies) = ("student", 1)
            } else if networks.doubledTables.contains(table.name) {
                (owner, copies) = ("student, teacher", 2)
            } else {
                (owner, copies) = ("shared", 1)
            }
            let rows = tableRows[table.name] ?? table.encoding.rows
            return Plan.TableLine(
                name: table.name, rows: rows, dimension: table.dimension, copies: copies, owner: owner,
                valueBytes: rows.map { copies * $0 * table.dimension * 4 },
                stateBytes: rows.map { copies * $0 * optimiser.statesPerRow(dimension: table.dimension) * 4 })
        }
    }

    private func planSummary(trainingRows: Int?, totalSteps: Int?) -> [(key: String, value: String)] {
        let run = configuration
        let training = run.training
        let optimiser = training.optimiser
        let task =
            switch run.task {
            case .ctr: "ctr at coarse-grained ranking: the student is an inner-product model"
            case .cvr: "cvr at fine-grained ranking: the student is an MLP"
            }
        var summary = [
            ("task", task), ("method", run.distillation.method.summary),
        ]
        if run.trainsTeacher { summary.append(("manner", run.distillation.manner.description)) }
        if let control = run.distillation.control { summary.append(("control", control.summary)) }
        if run.distils {
            if !run.trainsTeacher {
                summary.append(("soft labels", "from the column \(run.schema.softLabelColumn ?? "")"))
            }
            summary.append(
                ("lambda", "\(run.distillation.lambda), 0 before \(run.distillation.swappingStep.place)"))
        }
        summary.append(("labels", run.schema.labels.map(\.summary).joined(separator: ", ")))
        summary.append(
            (
                "optimiser",
                "\(optimiser.kind.rawValue), learning rate \(optimiser.learningRate) after a warm-up of "
                    + "\(optimiser.warmup)"
            ))
        let workers = "\(training.workers) worker" + (training.workers == 1 ? "" : "s")
        summary.append(
            (
                "training",
                "\(workers), \(training.synchronous ? "synchronous" : "asynchronous"), batches of "
                    + "\(training.batchSize.grouped), \(training.epochs) epoch" + (training.epochs == 1 ? "" : "s")
                    + (training.precision == .float32 ? "" : ", products in \(training.precision.rawValue)")
            ))
        if let trainingRows, let totalSteps {
            let both = run.trainsTeacher && !run.distillation.manner.synchronous
            summary.append(
                (
                    "steps",
                    "\(totalSteps.grouped), an epoch is \(trainingRows.grouped) samples"
                        + (both ? ", first for the teacher, then for the student" : "")
                ))
        }
        summary.append(("seed", String(run.seed)))
        summary.append(("output", run.output))
        return summary
    }
}

extension TrainingConfiguration {
    /// Steps of the whole run: the last batch of an epoch may be smaller.
    public func totalSteps(rows: Int) -> Int {
        guard rows > 0 else { return 0 }
        let perEpoch = (rows - 1) / max(1, batchSize) + 1
        let (all, overflow) = perEpoch.multipliedReportingOverflow(by: max(0, epochs))
        return min(overflow ? Int.max : all, steps ?? Int.max)
    }
}

extension OptimiserConfiguration {
    /// Numbers the optimiser keeps for one dense weight.
    public var statesPerValue: Int {
        switch kind {
        case .adagrad: 1
        case .adam: 2
        case .sgd: 0
        }
    }

    /// Numbers the optimiser keeps for one row of an embedding table.
    public func statesPerRow(dimension: Int) -> Int {
        kind == .adagrad && rowWise ? 1 : statesPerValue * dimension
    }
}

extension Encoding {
    /// Rows of the table, 0 (missing) and 1 (unseen) included; nil when a vocabulary has to be learnt first.
    ///
    /// Quantiles are at most this many: equal cut points fall together.
    public var rows: Int? {
        switch self {
        case .vocabulary: nil
        case .hash(let buckets), .quantiles(let buckets): buckets + 1
        case .categories(let values): values.count + 2
        case .boundaries(let values): values.count + 2
        }
    }
}

extension RunNetworks {
    /// Forward and backward: the backward pass multiplies each weight twice (for its gradient and its input's), so a
    /// trained multiply-add is 6 floating-point operations. An asynchronous teacher is read once more, by the student.
    func flops(_ run: RunConfiguration, samplesPerRequest: Double = 1, samplesPerItem: Double = 1) -> Double {
        func multiplyAdds(_ network: NetworkShape?) -> Double {
            network?.multiplyAdds.aSample(samplesPerRequest: samplesPerRequest, samplesPerItem: samplesPerItem) ?? 0
        }
        let trained = all.reduce(0) { $0 + multiplyAdds($1.network) }
        let readAgain =
            run.trainsTeacher && !run.distillation.manner.synchronous
            ? multiplyAdds(teacher) + multiplyAdds(teacherSequence) : 0
        return 6 * trained + 2 * readAgain
    }
}
