/// Every check of a run configuration that needs no logs. Issues are collected, in the order of the file's sections.
struct Validation {
    let run: RunConfiguration
    let positions: FeaturePositions
    let locations: [String: Location]
    private(set) var issues: [SchemaError.Issue] = []

    init(_ run: RunConfiguration, positions: FeaturePositions, locations: [String: Location]) {
        self.run = run
        self.positions = positions
        self.locations = locations
    }

    mutating func check() {
        checkName()
        checkLogs()
        checkColumns()
        checkFeatures()
        checkSequence()
        checkTables()
        checkTask()
        checkNetworks()
        checkDistillation()
        checkTraining()
        checkEvaluation()
    }

    /// Reports at `path`, with the place of that key or of the nearest one around it.
    mutating func report(_ path: String, _ message: String) {
        guard issues.count < 100 else { return }
        issues.append(SchemaError.Issue(location: location(of: path), path: path, message: message))
    }

    private func location(of path: String) -> Location? {
        var path = path[...]
        while !path.isEmpty {
            if let location = locations[String(path)] { return location }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
            path = path[..<end]
        }
        return nil
    }

    private mutating func require(_ condition: Bool, _ path: String, _ message: String) {
        if !condition { report(path, message) }
    }

    private mutating func requireRange(_ value: Int, _ range: ClosedRange<Int>, _ path: String) {
        if value < range.lowerBound {
            report(path, "must be at least \(range.lowerBound), found \(value)")
        } else if value > range.upperBound {
            report(path, "must be at most \(range.upperBound), found \(value)")
        }
    }

    private mutating func requirePositive(_ value: Double, _ path: String) {
        require(value > 0 && value.isFinite, path, "must be greater than 0, found \(value)")
    }

    // MARK: Names

    private mutating func checkName() {
        requireName(run.name, "name")
        require(
            run.name != "." && run.name != "..", "name", "'\(run.name)' can't name a folder")
        require(!run.output.isEmpty, "output", "is empty; remove it for runs/\(run.name)")
    }

    /// Names become parts of file and tensor names.
    private mutating func requireName(_ name: String, _ path: String) {
        if name.isEmpty {
            report(path, "is empty")
        } else if name.utf8.count > 200 {
            report(path, "is longer than 200 bytes")
        } else if let bad = name.unicodeScalars.first(where: {
            $0 == "/" || $0 == "\\" || $0.properties.generalCategory == .control
        }) {
            report(path, "a name can't contain '\(bad.escaped(asASCII: true))'")
        }
    }

    // MARK: Logs

    private mutating func checkLogs() {
        let logs = run.logs
        require(!logs.train.isEmpty, "logs.train", "names no file")
        for (key, paths) in [("train", logs.train), ("validation", logs.validation), ("test", logs.test)] {
            require(!paths.contains(""), "logs.\(key)", "a path is empty")
        }
        for (key, paths) in [("validation", logs.validation), ("test", logs.test)] {
            if let both = paths.first(where: logs.train.contains) {
                report("logs.\(key)", "'\(both)' is also trained on; a score on it would mean nothing")
            }
        }
        require(
            logs.validation.isEmpty || logs.validationSplit == nil, "logs.validation_split",
            "`validation` is said too; keep one")
        require(logs.test.isEmpty || logs.testSplit == nil, "logs.test_split", "`test` is said too; keep one")
        checkSplits()
        if let delimiter = logs.delimiter {
            require(
                logs.format == .csv || logs.format == .auto, "logs.delimiter",
                "only csv has a delimiter, and the format is \(logs.format.rawValue)")
            require(
                delimiter.utf8.count == 1 && !["\n", "\r", "\"", "\0"].contains(delimiter), "logs.delimiter",
                "must be one character, as \";\"")
        }
        require(
            logs.shuffleWindow >= 1, "logs.shuffle_window",
            "must be at least 1 (1: no shuffling), found \(logs.shuffleWindow)")
        require(
            logs.requestGroup >= 1, "logs.request_group",
            "must be at least 1 (1: shuffle single samples), found \(logs.requestGroup)")
    }

    private mutating func checkSplits() {
        let splits = [
            ("validation_split", run.logs.validationSplit), ("test_split", run.logs.testSplit),
            ("train_window", run.logs.trainWindow),
        ]
        var sum = 0.0
        for (key, split) in splits {
            switch split {
            case .fraction(let fraction)?:
                require(
                    fraction > 0 && fraction < 1, "logs.\(key).fraction",
                    "must be between 0 and 1 (both excluded), found \(fraction)")
                // A window's share is of what the others leave.
                if key != "train_window" { sum += fraction }
            case .from(let from)?:
                require(from.isFinite, "logs.\(key).from", "must be a finite number")
                require(
                    run.schema.timestampColumn != nil, "logs.\(key).from",
                    "splitting by time needs a time: say `columns: {timestamp: ...}`")
            case nil: break
            }
        }
        require(
            sum < 1, "logs.test_split",
            "validation and test take \(sum) of the training logs; nothing is left to train on")
        if case (.from(let validation)?, .from(let test)?) = (run.logs.validationSplit, run.logs.testSplit) {
            require(
                validation < test, "logs.validation_split.from",
                "validation must begin before test (\(test)), found \(validation)")
        }
        for (key, split) in splits[..<2] {
            guard case (.from(let begin)?, .from(let window)?) = (split, run.logs.trainWindow) else { continue }
            require(
                window < begin, "logs.train_window.from",
                "training must begin before logs.\(key) does (\(begin)), found \(window)")
        }
    }

    // MARK: Columns

    private mutating func checkColumns() {
        let labels = run.schema.labels
        guard let main = labels.first else {
            report("columns.labels", "names no label")
            return
        }
        require(
            main.kind == .binary, "columns.labels[0].kind",
            "the first label is the task and must be binary; put a continuous label after it")
        require(
            main.weight == 1, "columns.labels[0].weight",
            "the first label is the task and its weight is 1, found \(main.weight); weigh the others against it")
        var names: Set<String> = []
        for (i, label) in labels.enumerated() {
            let path = "columns.labels[\(i)]"
            requireName(label.name, "\(path).name")
            require(names.insert(label.name).inserted, "\(path).name", "'\(label.name)' names an earlier label too")
            require(!label.column.isEmpty, "\(path).column", "is empty")
            require(
                label.weight > 0 && label.weight.isFinite, "\(path).weight",
                "must be greater than 0, found \(label.weight)")
            require(
                label.kind == .binary || label.positive == nil, "\(path).positive",
                "only a binary label has a positive value; remove it or `kind: continuous`")
        }
        for (key, column) in [
            ("request", run.schema.requestColumn), ("group", run.schema.groupColumn),
            ("weight", run.schema.weightColumn), ("timestamp", run.schema.timestampColumn),
            ("soft_label", run.schema.softLabelColumn),
        ] { require(column != "", "columns.\(key)", "is empty") }
        for (key, column) in [
            ("weight", run.schema.weightColumn), ("soft_label", run.schema.softLabelColumn),
        ] {
            guard let column, labels.contains(where: { $0.column == column }) else { continue }
            report("columns.\(key)", "'\(column)' is a label")
        }
    }

    // MARK: Features

    private func regularPath(_ index: Int) -> String { "features[\(positions.regular[index])]" }
    private func privilegedPath(_ index: Int) -> String { "features[\(positions.privileged[index])]" }

    /// Every feature and sequence field with its path.
    private var inputs: [(path: String, encoding: FeatureEncoding)] {
        run.schema.regular.indices.map { (regularPath($0), run.schema.regular[$0].encoding) }
            + run.schema.privileged.indices.map { (privilegedPath($0), run.schema.privileged[$0].encoding) }
            + (run.schema.sequence?.fields ?? []).enumerated().map { ("sequence.fields[\($0)]", $1) }
    }

    private mutating func checkFeatures() {
        let inputs = inputs
        require(
            inputs.count <= RunLimits.features, "features",
            "\(inputs.count) inputs, and a run may have \(RunLimits.features)")
        guard inputs.count <= RunLimits.features else { return }
        require(!run.schema.regular.isEmpty, "features", "names no regular feature, and the student needs one")
        var paths: [String: String] = [:]
        for (path, feature) in inputs {
            requireName(feature.name, "\(path).name")
            if let earlier = paths[feature.name] {
                report("\(path).name", "'\(feature.name)' is also the name of \(earlier); names must be unique")
            } else {
                paths[feature.name] = path
            }
            require(!feature.column.isEmpty, "\(path).column", "is empty")
            requireName(feature.table, "\(path).table")
            requireRange(feature.dimension, 1...RunLimits.dimension, "\(path).dimension")
            checkEncoding(feature.encoding, path)
        }
        let width = inputs.reduce(0) { $0 + max(0, min($1.encoding.dimension, RunLimits.dimension)) }
        require(
            width <= RunLimits.inputWidth, "features",
            "all dimensions together are \(width), and may be \(RunLimits.inputWidth)")
        checkLeaks()
    }

    private mutating func checkEncoding(_ encoding: Encoding, _ path: String) {
        let path = "\(path).encoding"
        switch encoding {
        case .vocabulary(let minCount, let maxSize):
            requireRange(minCount, 1...Int.max, "\(path).vocabulary.min_count")
            if let maxSize { requireRange(maxSize, 1...RunLimits.tableRows - 2, "\(path).vocabulary.max_size") }
        case .hash(let buckets): requireRange(buckets, 1...RunLimits.tableRows - 1, "\(path).hash")
        case .quantiles(let buckets): requireRange(buckets, 2...65_536, "\(path).quantiles")
        case .categories(let values):
            require(!values.isEmpty, path, "categories names no value")
            require(!values.contains(""), path, "an empty category is a missing value, and needs no name; remove it")
            var seen: Set<String> = []
            if let twice = values.first(where: { !seen.insert($0).inserted }) {
                report(path, "category '\(DocumentValue.shortened(twice))' is said twice")
            }
        case .boundaries(let values):
            require(!values.isEmpty, path, "boundaries names no value")
            require(values.allSatisfy(\.isFinite), path, "boundaries must be finite numbers")
            if let i = values.indices.dropFirst().first(where: { !(values[$0 - 1] < values[$0]) }) {
                let (before, after) = (values[i - 1].brief, values[i].brief)
                report(
                    path,
                    before == after
                        ? "boundaries must be ascending, found \(after) twice; keep one"
                        : "boundaries must be ascending, found \(after) after \(before); sort them")
            }
        }
    }

    /// Columns that say what the student may not know.
    private mutating func checkLeaks() {
        let schema = run.schema
        let privilegedColumns = Set(schema.privileged.map(\.encoding.column))
        let regularColumns = Set(schema.regular.map(\.encoding.column))
        let sequenceColumns = Set((schema.sequence?.fields ?? []).map(\.column))
        let auxiliary = Set(schema.labels.dropFirst().map(\.column))
        for (path, feature) in inputs {
            if feature.column == schema.labels.first?.column {
                report("\(path).column", "'\(feature.column)' is the label; a model that reads it learns nothing else")
            }
            if feature.column == schema.softLabelColumn {
                report("\(path).column", "'\(feature.column)' is the soft label; it can't be an input")
            }
        }
        let served =
            schema.regular.indices.map { (regularPath($0), schema.regular[$0].encoding.column) }
            + (schema.sequence?.fields ?? []).enumerated().map { ("sequence.fields[\($0)]", $1.column) }
        for (path, column) in served where auxiliary.contains(column) {
            report("\(path).column", "'\(column)' is a label, so it is not known when serving")
        }
        for (i, feature) in schema.privileged.enumerated() {
            let column = feature.encoding.column
            guard privilegedColumns.contains(column) else { continue }
            if regularColumns.contains(column) {
                report(
                    "\(privilegedPath(i)).column",
                    "'\(column)' is also read by a regular feature; a column is privileged or it is not")
            }
            if sequenceColumns.contains(column) {
                report(
                    "\(privilegedPath(i)).column",
                    "'\(column)' is also read by the behaviour sequence, which is served; "
                        + "a column is privileged or it is not")
            }
        }
    }

    private mutating func checkSequence() {
        guard let sequence = run.schema.sequence else { return }
        requireName(sequence.name, "sequence.name")
        require(
            !run.schema.regular.contains { $0.name == sequence.name }
                && !run.schema.privileged.contains { $0.name == sequence.name }, "sequence.name",
            "'\(sequence.name)' is also the name of a feature; names must be unique")
        requireRange(sequence.length, 1...RunLimits.sequenceLength, "sequence.length")
        require(!sequence.fields.isEmpty, "sequence.fields", "names no field")
    }

    // MARK: Tables

    private mutating func checkTables() {
        var owners: [String: (path: String, feature: FeatureEncoding, isPrivileged: Bool)] = [:]
        let privilegedPaths = Set(run.schema.privileged.indices.map(privilegedPath))
        let inputs =
            inputs.filter { !privilegedPaths.contains($0.path) } + inputs.filter { privilegedPaths.contains($0.path) }
        for (path, feature) in inputs {
            let isPrivileged = privilegedPaths.contains(path)
            guard let owner = owners[feature.table] else {
                owners[feature.table] = (path, feature, isPrivileged)
                continue
            }
            // Two features of one name are reported once, as that.
            guard owner.feature.name != feature.name else { continue }
            if isPrivileged != owner.isPrivileged {
                report(
                    "\(path).table",
                    "privileged '\(feature.name)' would share the table '\(feature.table)' with '\(owner.feature.name)', "
                        + "which is served: what the teacher learns from it would leak into served embeddings; "
                        + "give it a table of its own")
                continue
            }
            require(
                owner.feature.dimension == feature.dimension, "\(path).dimension",
                "'\(feature.name)' shares the table '\(feature.table)' with '\(owner.feature.name)', so its dimension must be "
                    + "\(owner.feature.dimension), found \(feature.dimension)")
            require(
                owner.feature.encoding == feature.encoding, "\(path).encoding",
                "'\(feature.name)' shares the table '\(feature.table)' with '\(owner.feature.name)', so its encoding must be "
                    + "the same; remove it here")
        }
    }

    // MARK: Task

    private mutating func checkTask() {
        let schema = run.schema
        if run.task == .ctr {
            for (i, feature) in schema.regular.enumerated() where feature.side == .interaction {
                report(
                    "\(regularPath(i)).side",
                    "the inner-product model can't take '\(feature.name)': it maps user and item apart (Eq. 3), and an "
                        + "interaction belongs to neither; mark it `availability: interacted`, for the teacher alone")
            }
            require(
                schema.sequence != nil || schema.regular.contains { $0.side == .user }, "features",
                "ctr needs at least one feature with `side: user`, or a sequence, for the user mapping")
            require(
                schema.regular.contains { $0.side == .item }, "features",
                "ctr needs at least one feature with `side: item`, for the item mapping")
        }
        if run.distillation.method == .mtl {
            require(
                schema.labels.count >= 2, "columns.labels",
                "mtl needs at least two labels: the task and one auxiliary task")
        }
        if run.teacherReadsPrivileged {
            require(
                !schema.privileged.isEmpty, "features",
                "\(run.distillation.method.rawValue) needs at least one privileged feature "
                    + "(`availability: interacted` or `post_event`) for the teacher")
        }
    }

    // MARK: Networks

    private mutating func checkNetworks() {
        let networks = run.networks
        let attention = networks.attention
        requireRange(attention.heads, 1...RunLimits.heads, "networks.attention.heads")
        requireRange(attention.headDimension, 1...RunLimits.dimension, "networks.attention.head_dimension")
        requireRange(
            attention.feedForwardMultiple, 1...RunLimits.feedForwardMultiple, "networks.attention.feed_forward_multiple"
        )
        for (key, sizes) in [
            ("mapping", networks.mapping), ("mlp", networks.mlp), ("deep_teacher", networks.deepTeacher),
            ("multi_task.head", networks.multiTaskHead),
        ] {
            require(!sizes.isEmpty, "networks.\(key)", "has no layer")
            require(
                sizes.count <= RunLimits.layers, "networks.\(key)",
                "has \(sizes.count) layers, and may have \(RunLimits.layers)")
            for (i, size) in sizes.prefix(RunLimits.layers).enumerated() {
                requireRange(size, 1...RunLimits.layerWidth, "networks.\(key)[\(i)]")
            }
        }
        requireRange(networks.multiTaskShared, 1...RunLimits.layerWidth, "networks.multi_task.shared")
        requirePositive(networks.scale, "networks.scale")
        requirePositive(networks.embeddingDeviation, "networks.embedding_deviation")
        require(
            networks.batchNormMomentum > 0 && networks.batchNormMomentum <= 1, "networks.batch_norm_momentum",
            "must be greater than 0 and at most 1, found \(networks.batchNormMomentum)")
        require(
            networks.leakySlope >= 0 && networks.leakySlope < 1, "networks.leaky_slope",
            "must be at least 0 and less than 1, found \(networks.leakySlope)")
    }

    // MARK: Distillation

    private mutating func checkDistillation() {
        let distillation = run.distillation
        switch distillation.lambda {
        case .constant(let lambda): requireUnit(lambda, "distillation.lambda")
        case .linear(let from, let to, let over):
            requireUnit(from, "distillation.lambda.from")
            requireUnit(to, "distillation.lambda.to")
            requireSteps(over, "distillation.lambda.over")
        }
        requireSteps(distillation.swappingStep, "distillation.swapping_step")
        requirePositive(distillation.temperature, "distillation.temperature")
        if case .shared(let except) = distillation.manner.inputs { checkExcept(except) }
        if let control = distillation.control {
            require(
                run.trainsTeacher && distillation.method.usesPrivileged, "distillation.control",
                "\(control.rawValue) changes what a teacher with privileged features reads, and "
                    + "\(distillation.method.rawValue) trains none; choose pfd, pfd+md or lupi, or remove it")
            require(
                control != .selfDistillation || distillation.method != .lupi, "distillation.control",
                "the teacher of lupi reads privileged features alone and would be left without inputs; choose pfd or "
                    + "pfd+md, or remove it")
        }
        if distillation.softLabelsFromColumn {
            require(
                run.schema.softLabelColumn != nil, "distillation.soft_labels",
                "soft labels come from a column, and none is named: say `columns: {soft_label: ...}`")
            require(
                distillation.method.hasTeacher, "distillation.soft_labels",
                "\(distillation.method.rawValue) distils nothing; choose lupi, md, pfd or pfd+md, or remove it")
        }
    }

    private mutating func checkExcept(_ except: [String]) {
        let regular = run.schema.regular.map(\.name) + (run.schema.sequence.map { [$0.name] } ?? [])
        let privileged = Set(run.schema.privileged.map(\.name))
        let known = Set(regular)
        var seen: Set<String> = []
        for (i, name) in except.enumerated() {
            guard issues.count < 100 else { return }
            let path = "distillation.except[\(i)]"
            if privileged.contains(name) {
                report(path, "'\(name)' is privileged: the student never has it; remove it")
            } else if !known.contains(name) {
                report(
                    path,
                    "'\(DocumentValue.shortened(name))' is not a regular feature or the sequence"
                        + Suggestion.hint(for: name, among: regular))
            }
            require(seen.insert(name).inserted, path, "'\(name)' is said twice")
        }
    }

    private mutating func requireUnit(_ value: Double, _ path: String) {
        require(value >= 0 && value <= 1, path, "must be between 0 and 1, found \(value)")
    }

    private mutating func requireSteps(_ count: StepCount, _ path: String) {
        switch count {
        case .steps(let steps): requireRange(steps, 0...RunLimits.steps, path)
        case .fraction(let fraction): requireUnit(fraction, "\(path).fraction")
        }
    }

    // MARK: Training and evaluation

    private mutating func checkTraining() {
        let training = run.training
        let optimiser = training.optimiser
        requireRange(training.batchSize, 1...RunLimits.batchSize, "training.batch_size")
        require(
            training.batchSize != 1 || !run.networks.batchNorm, "training.batch_size",
            "batch normalisation needs at least 2 samples; or say `networks: {batch_norm: false}`")
        requireRange(training.epochs, 1...RunLimits.epochs, "training.epochs")
        if let steps = training.steps { requireRange(steps, 1...RunLimits.steps, "training.steps") }
        requireRange(training.workers, 1...RunLimits.workers, "training.workers")
        requireRange(training.checkpointEvery, 0...RunLimits.steps, "training.checkpoint_every")
        requireRange(training.keepCheckpoints, 1...1_000_000, "training.keep_checkpoints")
        requirePositive(optimiser.learningRate, "training.optimiser.learning_rate")
        requireSteps(optimiser.warmup, "training.optimiser.warmup")
        require(
            optimiser.epsilon >= 0 && optimiser.epsilon.isFinite, "training.optimiser.epsilon",
            "must be at least 0, found \(optimiser.epsilon)")
        require(
            optimiser.initialAccumulator >= 0 && optimiser.initialAccumulator.isFinite,
            "training.optimiser.initial_accumulator", "must be at least 0, found \(optimiser.initialAccumulator)")
        switch optimiser.kind {
        case .adagrad:
            require(
                optimiser.epsilon > 0 || optimiser.initialAccumulator > 0, "training.optimiser.epsilon",
                "epsilon and initial_accumulator are both 0, and the first step would divide by 0")
        case .adam:
            require(
                optimiser.epsilon > 0, "training.optimiser.epsilon",
                "must be greater than 0 for adam, found \(optimiser.epsilon)")
            for (key, beta) in [("beta1", optimiser.beta1), ("beta2", optimiser.beta2)] {
                require(
                    beta >= 0 && beta < 1, "training.optimiser.\(key)",
                    "must be at least 0 and less than 1, found \(beta)")
            }
        case .sgd: break
        }
    }

    private mutating func checkEvaluation() {
        let evaluation = run.evaluation
        requireRange(evaluation.resamples, 0...1_000_000, "evaluation.resamples")
        require(
            evaluation.resamples != 1, "evaluation.resamples", "one resample makes no interval; say 0 for none, or 200")
        require(
            evaluation.confidence > 0 && evaluation.confidence < 1, "evaluation.confidence",
            "must be between 0 and 1 (both excluded), found \(evaluation.confidence)")
        requireRange(evaluation.everySteps, 0...RunLimits.steps, "evaluation.every_steps")
    }
}
