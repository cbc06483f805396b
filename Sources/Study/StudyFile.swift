import Foundation
import Schema

/// Reads study files: YAML, as strict as run files.
///
///     name: retail-methods
///     run: ../retail-ctr.yaml        # the run file, relative to this one
///     preset: methods                # methods, lambda, manners, cost or days
///     seeds: 3
///
/// Whatever a preset fills in, the file's own keys replace. `docs/studies.md` lists the keys.
public enum StudyFile {
    static let keys = [
        "name", "run", "set", "preset", "methods", "seeds", "lambdas", "manners", "data", "controls", "parallel",
        "workers", "segments", "resamples", "confidence", "curve_points", "checkpoints", "output",
    ]

    /// - Parameters:
    ///   - overrides: `key=value` of the study file, as for a run file.
    ///   - runOverrides: `key.path=value` of the run file, after those of the study file's `set`.
    /// - Throws: `SchemaError` with every issue of the study file, or of the run file it names.
    public static func load(
        path: String, overrides: [String] = [], runOverrides: [String] = []
    ) throws -> StudyConfiguration {
        let folder = (path as NSString).deletingLastPathComponent
        return try read(
            try StrictDocument.load(path: path, overrides: overrides), folder: folder, runOverrides: runOverrides)
    }

    /// The study of a preset over a run file, without a study file.
    public static func preset(
        _ preset: Preset, runFile: String, overrides: [String] = [], runOverrides: [String] = []
    ) throws -> StudyConfiguration {
        let name = ((runFile as NSString).lastPathComponent as NSString).deletingPathExtension
        let text = "name: \(quoted("\(name)-\(preset.rawValue)"))\nrun: \(quoted(runFile))\npreset: \(preset.rawValue)\n"
        let document = try StrictDocument.parse(text: text, file: "--preset \(preset.rawValue)", overrides: overrides)
        return try read(document, folder: "", runOverrides: runOverrides)
    }

    /// Whether a YAML file is a study file: it names a run file, which run files do not.
    public static func isStudy(path: String) -> Bool {
        guard let document = try? StrictDocument.load(path: path), let fields = document.root.mapping(keys) else {
            return false
        }
        return fields.has("run")
    }

    private static func quoted(_ text: String) -> String {
        // A JSON string is a YAML string.
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "''"
    }

    private static func read(
        _ document: StrictDocument, folder: String, runOverrides: [String]
    ) throws -> StudyConfiguration {
        guard let fields = document.root.mapping(keys) else {
            try document.finish()
            throw StudyError(.configuration, "the study file", "is not a mapping")
        }
        let name = fields.required("name", "what the study is called")?.string
        let file = fields.required("run", "the run file that is studied, as `run: retail.yaml`")?.string
        guard let name, let file else {
            try document.finish()
            throw StudyError(.configuration, "the study file", "has neither name nor run file")
        }
        let isInside = !folder.isEmpty && !file.hasPrefix("/")
        var study = StudyConfiguration(
            name: name, runFile: isInside ? (folder as NSString).appendingPathComponent(file) : file)
        fields.set(&study.overrides, "set") { $0.strings }
        study.overrides += runOverrides
        let run = try RunFile.read(path: study.runFile, overrides: study.overrides).validated().configuration
        fields.set(&study.preset, "preset") { $0.choice(Preset.self) }
        study.preset?.apply(to: &study, task: run.task)
        study.takeWorkers(of: run)
        readArms(fields, into: &study)
        readConduct(fields, into: &study)
        try document.finish()
        try check(study, fields, run)
        try document.finish()
        return study
    }

    // MARK: Keys

    private static func readArms(_ fields: Fields, into study: inout StudyConfiguration) {
        if let field = fields["methods"] {
            study.methods = distinct(field, "method") { $0.choice(Method.self) }
            study.moreArms.removeAll()
        }
        fields.set(&study.seeds, "seeds", readSeeds)
        if let field = fields["lambdas"] { study.lambdas = distinct(field, "lambda") { $0.double } }
        if let field = fields["manners"] {
            study.manners = distinct(field, "manner") { $0.choice(MannerName.self) }
            study.moreArms.removeAll()
        }
        if let field = fields["data"] { study.data = distinct(field, "size", readSize) }
        if let field = fields["controls"] {
            study.controls = field.isList ? distinct(field, "control", mayBeEmpty: true) { $0.choice(Control.self) } : []
            if !field.isList, field.choice(from: ["none"]) == nil { study.controls = [] }
        }
    }

    private static func readConduct(_ fields: Fields, into study: inout StudyConfiguration) {
        func count(_ key: String, _ range: ClosedRange<Int>) -> Int? {
            guard let field = fields[key], let value = field.integer else { return nil }
            if range.contains(value) { return value }
            field.report("must be between \(range.lowerBound) and \(range.upperBound), found \(value)")
            return nil
        }
        if let value = count("parallel", 1...1024) { study.parallel = value }
        if let value = count("workers", 1...RunLimits.workers) { study.workers = value }
        if let value = count("curve_points", 0...1000) { study.curvePoints = value }
        if let value = count("checkpoints", 1...1000) { study.checkpoints = value }
        if let value = count("resamples", 2...100_000) { study.resamples = value }
        if let field = fields["confidence"], let value = field.double {
            if value > 0.5, value < 1 {
                study.confidence = value
            } else {
                field.report("must be between 0.5 and 1 (both excluded), found \(brief(value))")
            }
        }
        if let field = fields["segments"] { study.segments = distinct(field, "feature", mayBeEmpty: true) { $0.string } }
        fields.set(&study.output, "output") { $0.string }
    }

    /// A list without repetitions.
    private static func distinct<Value: Hashable>(
        _ field: Field, _ what: String, mayBeEmpty: Bool = false, _ read: (Field) -> Value?
    ) -> [Value] {
        guard let list = field.list else { return [] }
        if list.isEmpty, !mayBeEmpty { field.report("names no \(what)") }
        var seen: Set<Value> = []
        return list.compactMap { element in
            guard let value = read(element) else { return nil }
            if !seen.insert(value).inserted { element.report("the \(what) is said twice; keep one") }
            return value
        }
    }

    private static func readSeeds(_ field: Field) -> StudyConfiguration.Seeds? {
        if field.isList { return .list(distinct(field, "seed") { $0.unsigned }) }
        guard let count = field.integer else { return nil }
        guard (1...1000).contains(count) else {
            field.report("expected a number of seeds from 1 to 1000, or a list of seeds, found \(count)")
            return nil
        }
        return .count(count)
    }

    /// `0.1`: the newest tenth; `1`: all; `{from: 1700000000}`: from that timestamp on.
    private static func readSize(_ field: Field) -> DataSize? {
        if field.isMapping {
            return field.mapping(["from"])?.required("from", "a timestamp")?.double.map(DataSize.from)
        }
        guard let share = field.double else { return nil }
        guard share > 0, share <= 1 else {
            field.report("a share of the training split is above 0 and at most 1, found \(brief(share))")
            return nil
        }
        return share == 1 ? .all : .fraction(share)
    }

    // MARK: Meaning

    private static func check(_ study: StudyConfiguration, _ fields: Fields, _ run: RunConfiguration) throws {
        func report(_ key: String, _ message: String) {
            if let field = fields[key] {
                field.report(message)
            } else {
                fields.findings.report(fields.location, key, message)
            }
        }
        if study.name.isEmpty || study.name.contains("/") { report("name", "must name a folder, found '\(study.name)'") }
        for lambda in study.lambdas where !(0...1).contains(lambda) {
            report("lambdas", "must be between 0 and 1, found \(brief(lambda))")
        }
        if study.methods.contains(.mtl), run.schema.labels.count < 2 {
            report("methods", "mtl needs at least two labels in the run file, and \(study.runFile) has one")
        }
        let wantsPrivileged = study.methods.contains { $0.usesPrivileged }
        if wantsPrivileged, run.schema.privileged.isEmpty {
            report("methods", "lupi, pfd and pfd+md need privileged features, and \(study.runFile) has none")
        }
        if study.manners.contains(.sharedExcept), run.exceptedFromSharing.isEmpty {
            report("manners", "share*_sync keeps some inputs for the student; say which in the run file, as `except: [user_id]`")
        }
        let known = run.schema.regular.map(\.encoding) + run.schema.privileged.map(\.encoding)
        for name in study.segments ?? [] {
            let feature = known.first { $0.name == name }
            if feature == nil { report("segments", "'\(name)' is no feature of \(study.runFile)") }
            if feature?.bag != nil { report("segments", "'\(name)' has many values a row, and a segment needs one") }
        }
        if run.logs.trainWindow != nil, study.data != [.all] {
            report("data", "the run file has logs.train_window already; remove one of the two")
        }
        let all = fields["run"].map { "\($0.path): " } ?? ""
        if run.logs.test.isEmpty, run.logs.testSplit == nil, run.logs.validation.isEmpty, run.logs.validationSplit == nil {
            report("run", "\(all)\(study.runFile) has no test split to compare methods on")
        }
    }
}

extension RunConfiguration {
    /// What Share* keeps for the student: what the run file says, else the user's id.
    var exceptedFromSharing: [String] {
        if case .shared(let except) = distillation.manner.inputs, !except.isEmpty { return except }
        return schema.regular.contains { $0.name == "user_id" && $0.side == .user } ? ["user_id"] : []
    }
}
