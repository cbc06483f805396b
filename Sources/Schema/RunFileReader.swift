import Foundation

/// Where the features of a schema stand in the run file's list, which holds regular and privileged ones alike.
struct FeaturePositions: Sendable {
    var regular: [Int]
    var privileged: [Int]

    init(regular: [Int], privileged: [Int]) {
        self.regular = regular
        self.privileged = privileged
    }

    /// For a configuration that came from elsewhere: regular features first.
    init(of schema: FeatureSchema) {
        regular = Array(schema.regular.indices)
        privileged = schema.privileged.indices.map { $0 + schema.regular.count }
    }
}

/// Turns a document into a run configuration: form and types here, meaning in `Validation`.
struct RunFileReader {
    let findings = Findings()
    let folder: String

    func read(_ document: DocumentValue) -> ParsedRun? {
        let root = Field(value: document, path: "", findings: findings)
        guard
            let fields = root.mapping([
                "name", "task", "seed", "output", "logs", "columns", "features", "defaults", "sequence", "networks",
                "distillation", "training", "evaluation",
            ])
        else { return nil }

        let name = fields.required("name", "what the run is called")?.string
        let task = fields.required("task", "ctr (coarse-grained ranking) or cvr (fine-grained ranking)")?
            .choice(RankingTask.self)
        let logs = fields.required("logs", "where the samples are, as `logs: {train: path}`").flatMap(readLogs)
        let columns = fields.required("columns", "what the columns mean, as `columns: {label: bought}`")
            .flatMap(readColumns)
        let features = readFeatures(fields)
        let networks = readNetworks(fields["networks"])
        let training = readTraining(fields["training"])
        let evaluation = readEvaluation(fields["evaluation"])
        var seed: UInt64 = 1
        fields.set(&seed, "seed") { $0.unsigned }
        var output: String?
        fields.set(&output, "output") { $0.string }

        guard let name, let task, let logs, let columns, let features else {
            if let task { _ = readDistillation(fields["distillation"], task: task, regular: []) }
            return nil
        }
        let schema = FeatureSchema(
            regular: features.regular, privileged: features.privileged, sequence: features.sequence,
            labels: columns.labels, weightColumn: columns.weight, requestColumn: columns.request,
            groupColumn: columns.group ?? columns.request, timestampColumn: columns.timestamp,
            softLabelColumn: columns.softLabel)
        let distillation = readDistillation(fields["distillation"], task: task, regular: schema.regular)
        let configuration = RunConfiguration(
            name: name, task: task, seed: seed, logs: logs, schema: schema, networks: networks,
            distillation: distillation, training: training, evaluation: evaluation, output: output)
        return ParsedRun(
            configuration: configuration, locations: findings.locations, positions: features.positions)
    }

    // MARK: Logs and columns

    private func readLogs(_ field: Field) -> LogsConfiguration? {
        guard
            let fields = field.mapping([
                "train", "validation", "test", "validation_split", "test_split", "train_window", "format", "delimiter",
                "on_bad_row", "shuffle_window", "request_group",
            ]), let train = fields.required("train", "files, globs or folders to train on")?.strings
        else { return nil }
        var logs = LogsConfiguration(train: train.map(resolved))
        fields.set(&logs.validation, "validation") { $0.strings?.map(resolved) }
        fields.set(&logs.test, "test") { $0.strings?.map(resolved) }
        fields.set(&logs.validationSplit, "validation_split", readSplit)
        fields.set(&logs.testSplit, "test_split", readSplit)
        fields.set(&logs.trainWindow, "train_window", readSplit)
        fields.set(&logs.format, "format") { $0.choice(LogFormat.self) }
        fields.set(&logs.delimiter, "delimiter") { $0.string }
        fields.set(&logs.onBadRow, "on_bad_row") { $0.choice(BadRowPolicy.self) }
        fields.set(&logs.shuffleWindow, "shuffle_window") { $0.integer }
        fields.set(&logs.requestGroup, "request_group") { $0.integer }
        return logs
    }

    private func resolved(_ path: String) -> String {
        folder.isEmpty || path.isEmpty || path.hasPrefix("/") ? path : (folder as NSString).appendingPathComponent(path)
    }

    private func readSplit(_ field: Field) -> SplitPoint? {
        guard let fields = field.mapping(["fraction", "from"]) else { return nil }
        switch (fields["fraction"], fields["from"]) {
        case (let fraction?, nil): return fraction.double.map(SplitPoint.fraction)
        case (nil, let from?): return from.double.map(SplitPoint.from)
        default:
            field.report("say one of {fraction: 0.1} or {from: timestamp}")
            return nil
        }
    }

    private struct Columns {
        var labels: [Label]
        var request, group, weight, timestamp, softLabel: String?
    }

    private func readColumns(_ field: Field) -> Columns? {
        guard
            let fields = field.mapping([
                "label", "labels", "request", "group", "weight", "timestamp", "soft_label",
            ])
        else { return nil }
        var columns = Columns(labels: [])
        switch (fields["label"], fields["labels"]) {
        case (let label?, nil): columns.labels = label.string.map { [Label(name: $0)] } ?? []
        case (nil, let labels?): columns.labels = labels.list?.compactMap(readLabel) ?? []
        case (nil, nil): field.report("'label' is missing: the column to learn, as `label: bought`")
        case (_?, let labels?):
            labels.report("both 'label' and 'labels' are said; keep one (the first of `labels` is the task)")
        }
        fields.set(&columns.request, "request") { $0.string }
        fields.set(&columns.group, "group") { $0.string }
        fields.set(&columns.weight, "weight") { $0.string }
        fields.set(&columns.timestamp, "timestamp") { $0.string }
        fields.set(&columns.softLabel, "soft_label") { $0.string }
        return columns
    }

    private func readLabel(_ field: Field) -> Label? {
        guard let fields = field.mapping(["name", "column", "kind", "weight", "positive"]),
            let name = fields.required("name", "what the label is called")?.string
        else { return nil }
        var label = Label(name: name)
        fields.set(&label.column, "column") { $0.string }
        fields.set(&label.kind, "kind") { $0.choice(LabelKind.self) }
        fields.set(&label.weight, "weight") { $0.double }
        fields.set(&label.positive, "positive") { $0.string }
        return label
    }

    // MARK: Features

    private struct Features {
        var regular: [RegularFeature] = []
        var privileged: [PrivilegedFeature] = []
        var positions = FeaturePositions(regular: [], privileged: [])
        var sequence: BehaviourSequence?
    }

    /// A feature or sequence field before tables and `defaults` have filled what it does not say.
    private struct Draft {
        var name: String
        var column: String
        var table: String
        var encoding: Encoding?
        var dimension: Int?
        var bag: BagPooling?
        var missing = MissingPolicy.default
        var side: Side?
        var privilege: Privilege?
        var field: Field
        /// A value was written but could not be read: it is not missing.
        var isBroken = false
    }

    private func readFeatures(_ fields: Fields) -> Features? {
        var defaultEncoding: Encoding?
        var defaultDimension: Int?
        if let defaults = fields["defaults"]?.mapping(["dimension", "encoding"]) {
            defaults.set(&defaultDimension, "dimension") { $0.integer }
            defaults.set(&defaultEncoding, "encoding", readEncoding)
        }
        guard let list = fields.required("features", "the inputs of the model, a list")?.list else { return nil }
        let before = findings.issues.count
        var drafts = list.compactMap(readFeature)
        let featureCount = drafts.count
        let sequence = fields["sequence"].flatMap(readSequence)
        drafts += sequence?.fields ?? []

        guard drafts.count <= RunLimits.features else {
            findings.report(
                list.first?.value.location, "features",
                "\(drafts.count) inputs, and a run may have \(RunLimits.features)")
            return nil
        }
        let defaults = Defaults(
            encoding: defaultEncoding, dimension: defaultDimension,
            sharers: Dictionary(grouping: drafts, by: \.table))
        let encodings = drafts.map { fill($0, from: defaults) }
        guard findings.issues.count == before else { return nil }

        var result = Features()
        for (position, draft) in drafts.prefix(featureCount).enumerated() {
            guard let encoding = encodings[position] else { continue }
            if let privilege = draft.privilege {
                result.privileged.append(PrivilegedFeature(encoding, privilege: privilege))
                result.positions.privileged.append(position)
            } else if let side = draft.side {
                result.regular.append(RegularFeature(encoding, side: side))
                result.positions.regular.append(position)
            }
        }
        if let sequence {
            result.sequence = BehaviourSequence(
                name: sequence.name, length: sequence.length,
                fields: encodings[featureCount...].compactMap { $0 })
        }
        return result
    }

    private func readFeature(_ field: Field) -> Draft? {
        guard
            let fields = field.mapping([
                "name", "column", "side", "availability", "encoding", "dimension", "table", "bag", "missing",
            ]), let name = fields.required("name", "what the feature is called")?.string
        else { return nil }
        var draft = readDraft(fields, name: name, field: field)
        fields.set(&draft.bag, "bag") { $0.choice(BagPooling.self) }
        fields.set(&draft.missing, "missing") { $0.choice(MissingPolicy.self) }

        var isRegular = true
        if let availability = fields["availability"] {
            guard let said = availability.choice(from: ["regular"] + Privilege.allCases.map(\.rawValue)) else {
                return draft
            }
            draft.privilege = Privilege(rawValue: said)
            isRegular = draft.privilege == nil
        }
        if isRegular {
            let meaning = "user, item or interaction; or say `availability: interacted` or `post_event`"
            draft.side = fields.required("side", meaning)?.choice(Side.self)
        } else if let side = fields["side"] {
            findings.report(
                findings.locations[side.path], side.path,
                "a privileged feature has no side: it belongs to the sample and only the teacher reads it; "
                    + "remove `side`, or remove `availability` if it can be served")
        }
        return draft
    }

    private func readDraft(_ fields: Fields, name: String, field: Field) -> Draft {
        let before = findings.issues.count
        var draft = Draft(name: name, column: name, table: name, field: field)
        fields.set(&draft.column, "column") { $0.string }
        fields.set(&draft.table, "table") { $0.string }
        fields.set(&draft.encoding, "encoding", readEncoding)
        fields.set(&draft.dimension, "dimension") { $0.integer }
        draft.isBroken = findings.issues.count > before
        return draft
    }

    private struct SequenceDraft {
        var name: String
        var length = 50
        var fields: [Draft]
    }

    private func readSequence(_ field: Field) -> SequenceDraft? {
        guard let fields = field.mapping(["name", "length", "fields"]),
            let list = fields.required("fields", "the parallel list columns of the sequence")?.list
        else { return nil }
        var sequence = SequenceDraft(name: "sequence", fields: list.compactMap(readSequenceField))
        fields.set(&sequence.name, "name") { $0.string }
        fields.set(&sequence.length, "length") { $0.integer }
        return sequence
    }

    private func readSequenceField(_ field: Field) -> Draft? {
        guard let fields = field.mapping(["name", "column", "table", "encoding", "dimension"]) else { return nil }
        guard let name = (fields["name"] ?? fields.required("column", "the list column of this field"))?.string
        else { return nil }
        return readDraft(fields, name: name, field: field)
    }

    private struct Defaults {
        var encoding: Encoding?
        var dimension: Int?
        var sharers: [String: [Draft]]
    }

    /// What a feature does not say comes from the feature that owns its table, then from `defaults`.
    private func fill(_ draft: Draft, from defaults: Defaults) -> FeatureEncoding? {
        let sharers = defaults.sharers[draft.table] ?? []
        let owner = sharers.first { $0.name == $0.table } ?? sharers.first { $0.encoding != nil }
        let filledEncoding = draft.encoding ?? owner?.encoding ?? defaults.encoding
        let filledDimension = draft.dimension ?? owner?.dimension ?? defaults.dimension
        if let filledEncoding, let filledDimension {
            return FeatureEncoding(
                name: draft.name, column: draft.column, encoding: filledEncoding, table: draft.table,
                dimension: filledDimension, bag: draft.bag, missing: draft.missing)
        }
        guard !draft.isBroken, owner.map({ !$0.isBroken }) ?? true else { return nil }
        if draft.table != draft.name, sharers.count == 1 {
            let tables = defaults.sharers.keys.filter { $0 != draft.table }.sorted()
            let path = "\(draft.field.path).table"
            findings.report(
                findings.locations[path], path,
                "no feature has the table '\(draft.table)'" + Suggestion.hint(for: draft.table, among: tables)
                    + "; name a feature's table, or say encoding and dimension here")
            return nil
        }
        if filledEncoding == nil {
            draft.field.report(
                "'\(draft.name)' has no encoding: say `encoding: vocabulary` (or hash, categories, boundaries, "
                    + "quantiles), or say one for all under `defaults`")
        }
        if filledDimension == nil {
            draft.field.report("'\(draft.name)' has no dimension: say `dimension: 16`, or one for all under `defaults`")
        }
        return nil
    }

    private static let encodings = ["vocabulary", "hash", "categories", "boundaries", "quantiles"]

    private func readEncoding(_ field: Field) -> Encoding? {
        guard field.isMapping else {
            guard let name = field.choice(from: Self.encodings) else { return nil }
            if name == "vocabulary" { return .vocabulary(minCount: 1, maxSize: nil) }
            let example = [
                "hash": "{hash: 100000}", "categories": "{categories: [a, b]}",
                "boundaries": "{boundaries: [0, 1, 2.5]}",
                "quantiles": "{quantiles: 16}",
            ]
            field.report("'\(name)' needs a value, as \(example[name] ?? "")")
            return nil
        }
        guard let fields = field.mapping(Self.encodings) else { return nil }
        guard fields.fields.count == 1, let (name, value) = fields.fields.first else {
            if fields.fields.count > 1 || field.isEmptyMapping {
                field.report("expected one of \(Self.encodings.joined(separator: ", ")), found \(fields.fields.count)")
            }
            return nil
        }
        switch name {
        case "vocabulary": return readVocabulary(value)
        case "hash": return value.integer.map { .hash(buckets: $0) }
        case "categories":
            guard value.isList else {
                value.expected("a list of values")
                return nil
            }
            return value.strings.map { .categories($0) }
        case "boundaries": return value.doubles.map { .boundaries($0) }
        default: return value.integer.map { .quantiles(buckets: $0) }
        }
    }

    private func readVocabulary(_ field: Field) -> Encoding? {
        guard let fields = field.mapping(["min_count", "max_size"]) else { return nil }
        var minCount = 1
        var maxSize: Int?
        fields.set(&minCount, "min_count") { $0.integer }
        fields.set(&maxSize, "max_size") { $0.integer }
        return .vocabulary(minCount: minCount, maxSize: maxSize)
    }

    // MARK: Networks

    private func readNetworks(_ field: Field?) -> NetworkConfiguration {
        var networks = NetworkConfiguration()
        guard
            let fields = field?.mapping([
                "attention", "mapping", "scale", "learned_scale", "mlp", "deep_teacher", "multi_task", "batch_norm",
                "batch_norm_momentum", "leaky_slope", "embedding_deviation",
            ])
        else { return networks }
        if let attention = fields["attention"]?.mapping(["heads", "head_dimension", "feed_forward_multiple"]) {
            attention.set(&networks.attention.heads, "heads") { $0.integer }
            attention.set(&networks.attention.headDimension, "head_dimension") { $0.integer }
            attention.set(&networks.attention.feedForwardMultiple, "feed_forward_multiple") { $0.integer }
        }
        if let multiTask = fields["multi_task"]?.mapping(["shared", "head"]) {
            multiTask.set(&networks.multiTaskShared, "shared") { $0.integer }
            multiTask.set(&networks.multiTaskHead, "head") { $0.integers }
        }
        fields.set(&networks.mapping, "mapping") { $0.integers }
        fields.set(&networks.scale, "scale") { $0.double }
        fields.set(&networks.learnedScale, "learned_scale") { $0.bool }
        fields.set(&networks.mlp, "mlp") { $0.integers }
        fields.set(&networks.deepTeacher, "deep_teacher") { $0.integers }
        fields.set(&networks.batchNorm, "batch_norm") { $0.bool }
        fields.set(&networks.batchNormMomentum, "batch_norm_momentum") { $0.double }
        fields.set(&networks.leakySlope, "leaky_slope") { $0.double }
        fields.set(&networks.embeddingDeviation, "embedding_deviation") { $0.double }
        return networks
    }

    // MARK: Distillation

    private static let manners = ["ind_async", "ind_sync", "share_sync", "share*_sync"]

    private func readDistillation(
        _ field: Field?, task: RankingTask, regular: [RegularFeature]
    ) -> DistillationConfiguration {
        var distillation = DistillationConfiguration()
        let userID = regular.first(where: isUserID)?.name
        distillation.manner = Manner(
            inputs: .shared(except: task == .ctr ? [userID].compactMap { $0 } : []), synchronous: true)
        guard
            let fields = field?.mapping([
                "method", "manner", "except", "lambda", "swapping_step", "temperature", "shared_gradient",
                "soft_labels", "control",
            ])
        else { return distillation }
        fields.set(&distillation.method, "method") { $0.choice(Method.self) }
        fields.set(&distillation.manner, "manner") { manner in
            manner.choice(from: Self.manners).flatMap { readManner($0, manner, fields["except"], userID: userID) }
        }
        if !fields.has("manner") {
            fields.set(&distillation.manner, "except") { except in
                except.strings.map { Manner(inputs: .shared(except: $0), synchronous: true) }
            }
        }
        fields.set(&distillation.lambda, "lambda", readLambda)
        fields.set(&distillation.swappingStep, "swapping_step") { readSteps($0) }
        fields.set(&distillation.temperature, "temperature") { $0.double }
        fields.set(&distillation.sharedGradient, "shared_gradient") { $0.choice(SharedGradient.self) }
        fields.set(&distillation.softLabelsFromColumn, "soft_labels") {
            $0.choice(from: ["teacher", "column"]).map { $0 == "column" }
        }
        fields.set(&distillation.control, "control") { $0.choice(PrivilegedControl.self) }
        return distillation
    }

    /// The feature that the paper's Share* keeps for the student.
    private func isUserID(_ feature: RegularFeature) -> Bool {
        guard feature.name == "user_id", feature.side == .user else { return false }
        switch feature.encoding.encoding {
        case .vocabulary, .hash: return true
        case .categories, .boundaries, .quantiles: return false
        }
    }

    private func readManner(_ name: String, _ field: Field, _ except: Field?, userID: String?) -> Manner? {
        guard name == "share*_sync" else {
            if let except {
                findings.report(
                    findings.locations[except.path], except.path,
                    "only `manner: share*_sync` keeps inputs for the student; remove `except` or change `manner`")
            }
            return name == "share_sync"
                ? Manner(inputs: .shared(except: []), synchronous: true)
                : Manner(inputs: .independent, synchronous: name == "ind_sync")
        }
        if let except {
            guard let names = except.strings else { return nil }
            if names.isEmpty { except.report("names no feature; use `manner: share_sync` to share every input") }
            return Manner(inputs: .shared(except: names), synchronous: true)
        }
        guard let userID else {
            field.report(
                "share*_sync keeps some inputs for the student: say which, as `except: [user_id]`, "
                    + "or use share_sync")
            return nil
        }
        return Manner(inputs: .shared(except: [userID]), synchronous: true)
    }

    private func readLambda(_ field: Field) -> LambdaSchedule? {
        guard field.isMapping else {
            return field.double.map(LambdaSchedule.constant)
        }
        guard let fields = field.mapping(["from", "to", "over"]) else { return nil }
        let from = fields.required("from", "lambda at the swapping step")?.double
        let to = fields.required("to", "lambda in the end")?.double
        let over = fields.required("over", "how long it takes, as {steps: 1000} or {fraction: 0.2}")
            .flatMap { readSteps($0, barePartAllowed: true) }
        guard let from, let to, let over else { return nil }
        return .linear(from: from, to: to, over: over)
    }

    /// A whole number is steps; a share of the run is said as `{fraction: 0.3}`.
    private func readSteps(_ field: Field, barePartAllowed: Bool = false) -> StepCount? {
        if field.isMapping {
            guard let fields = field.mapping(["steps", "fraction"]) else { return nil }
            switch (fields["steps"], fields["fraction"]) {
            case (let steps?, nil): return steps.integer.map(StepCount.steps)
            case (nil, let fraction?): return fraction.double.map(StepCount.fraction)
            default:
                field.report("say one of {steps: 1000} or {fraction: 0.3}")
                return nil
            }
        }
        guard let number = field.double else { return nil }
        if barePartAllowed {
            if number > 0, number < 1 { return .fraction(number) }
            if number == 1 {
                field.report("1 is one step or the whole run; say {steps: 1} or {fraction: 1}")
                return nil
            }
        } else if number > 0, number < 1 {
            field.report("is a count of steps; for a share of the run say {fraction: \(number)}")
            return nil
        }
        return field.integer.map(StepCount.steps)
    }

    // MARK: Training and evaluation

    private func readTraining(_ field: Field?) -> TrainingConfiguration {
        var training = TrainingConfiguration()
        guard
            let fields = field?.mapping([
                "batch_size", "epochs", "steps", "workers", "mode", "precision", "optimiser", "checkpoint_every",
                "keep_checkpoints",
            ])
        else { return training }
        fields.set(&training.batchSize, "batch_size") { $0.integer }
        fields.set(&training.epochs, "epochs") { $0.integer }
        fields.set(&training.steps, "steps") { $0.integer }
        fields.set(&training.workers, "workers") { $0.integer }
        fields.set(&training.synchronous, "mode") {
            $0.choice(from: ["asynchronous", "synchronous"]).map { $0 == "synchronous" }
        }
        fields.set(&training.precision, "precision") { $0.choice(TrainingPrecision.self) }
        fields.set(&training.optimiser, "optimiser", readOptimiser)
        fields.set(&training.checkpointEvery, "checkpoint_every") { $0.integer }
        fields.set(&training.keepCheckpoints, "keep_checkpoints") { $0.integer }
        return training
    }

    private func readOptimiser(_ field: Field) -> OptimiserConfiguration? {
        guard
            let fields = field.mapping([
                "kind", "learning_rate", "warmup", "epsilon", "initial_accumulator", "row_wise", "beta1", "beta2",
            ])
        else { return nil }
        var optimiser = OptimiserConfiguration()
        fields.set(&optimiser.kind, "kind") { $0.choice(OptimiserKind.self) }
        fields.set(&optimiser.learningRate, "learning_rate") { $0.double }
        fields.set(&optimiser.warmup, "warmup") { readSteps($0) }
        fields.set(&optimiser.epsilon, "epsilon") { $0.double }
        fields.set(&optimiser.initialAccumulator, "initial_accumulator") { $0.double }
        fields.set(&optimiser.rowWise, "row_wise") { $0.bool }
        fields.set(&optimiser.beta1, "beta1") { $0.double }
        fields.set(&optimiser.beta2, "beta2") { $0.double }
        let owners: [(String, OptimiserKind)] = [
            ("initial_accumulator", .adagrad), ("row_wise", .adagrad), ("beta1", .adam), ("beta2", .adam),
        ]
        for (key, owner) in owners where fields.has(key) && optimiser.kind != owner {
            let path = "\(field.path).\(key)"
            findings.report(
                findings.locations[path], path,
                "belongs to \(owner.rawValue), and the optimiser is \(optimiser.kind.rawValue); remove it")
        }
        return optimiser
    }

    private func readEvaluation(_ field: Field?) -> EvaluationConfiguration {
        var evaluation = EvaluationConfiguration()
        guard let fields = field?.mapping(["resamples", "confidence", "every_steps"]) else { return evaluation }
        fields.set(&evaluation.resamples, "resamples") { $0.integer }
        fields.set(&evaluation.confidence, "confidence") { $0.double }
        fields.set(&evaluation.everySteps, "every_steps") { $0.integer }
        return evaluation
    }
}
