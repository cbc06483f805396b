import Foundation
import Testing

@testable import Schema

/// A valid run file with one passage replaced, and what is then said about it.
struct Mistake: Sendable, CustomTestStringConvertible {
    var passage: String
    var replacement: String
    var complaint: String
    var testDescription: String { replacement }

    init(_ passage: String, _ replacement: String, _ complaint: String) {
        self.passage = passage
        self.replacement = replacement
        self.complaint = complaint
    }
}

@Suite("An error in a run file")
struct ErrorTests {
    static let formMistakes: [Mistake] = [
        Mistake(
            "name: small", "nmae: small",
            """
            run.yaml:1:1: unknown key 'nmae'; did you mean 'name'? (known keys: name, task, seed, output, logs, columns, \
            features, defaults, sequence, networks, distillation, training, evaluation)
            run.yaml:1:1: 'name' is missing: what the run is called
            """),
        Mistake(
            "  label: click", "  label: click\n  lable: click",
            """
            run.yaml:7:3: columns: unknown key 'lable'; did you mean 'label'? \
            (known keys: label, labels, request, group, weight, timestamp, soft_label)
            """),
        Mistake(
            "task: ctr", "task: ctr\ntraining: {optimizer: {kind: adam}}",
            """
            run.yaml:3:12: training: unknown key 'optimizer'; did you mean 'optimiser'? \
            (known keys: batch_size, epochs, steps, workers, mode, precision, optimiser, checkpoint_every, keep_checkpoints)
            """),
        Mistake(
            "task: ctr", "task: ctr\ntraining: {optimiser: {learning_rat: 1}}",
            """
            run.yaml:3:24: training.optimiser: unknown key 'learning_rat'; did you mean 'learning_rate'? (known keys: \
            kind, learning_rate, warmup, epsilon, initial_accumulator, row_wise, beta1, beta2)
            """),
        Mistake(
            "task: ctr", "task: ctt",
            """
            run.yaml:2:7: task: expected one of ctr, cvr, found 'ctt'; did you mean 'ctr'?
            """),
        Mistake(
            "task: ctr", "task: ctr\nseed: -1",
            """
            run.yaml:3:7: seed: expected a whole number that is not negative, found '-1'
            """),
        Mistake(
            "task: ctr", "task: ctr\ntraining: {epochs: two}",
            """
            run.yaml:3:20: training.epochs: expected a whole number, found 'two'
            """),
        Mistake(
            "task: ctr", "task: ctr\ntraining: {epochs: '2'}",
            """
            run.yaml:3:20: training.epochs: expected a whole number, found '2'
            """),
        Mistake(
            "task: ctr", "task: ctr\ntraining: {epochs: 1.5}",
            """
            run.yaml:3:20: training.epochs: expected a whole number, found '1.5'
            """),
        Mistake(
            "task: ctr", "task: ctr\ntraining: {epochs: 99999999999999999999}",
            """
            run.yaml:3:20: training.epochs: expected a whole number, found '99999999999999999999', which is too large
            """),
        Mistake(
            "task: ctr", "task: ctr\nnetworks: {scale: 1e999}",
            """
            run.yaml:3:19: networks.scale: expected a finite number, found '1e999'
            """),
        Mistake(
            "task: ctr", "task: ctr\nnetworks: {batch_norm: yes}",
            """
            run.yaml:3:24: networks.batch_norm: expected true or false, found 'yes'
            """),
        Mistake(
            "task: ctr", "task: ctr\nnetworks: [1, 2]",
            """
            run.yaml:3:11: networks: expected a mapping with the keys attention, mapping, scale, learned_scale, mlp, \
            deep_teacher, multi_task, batch_norm, batch_norm_momentum, leaky_slope, embedding_deviation, found a list
            """),
        Mistake(
            "task: ctr", "task: ctr\nnetworks: {mlp: [8, x]}",
            """
            run.yaml:3:21: networks.mlp[1]: expected a whole number, found 'x'
            """),
        Mistake(
            "name: small", "name:",
            """
            run.yaml:1:6: name: expected text, found nothing
            """),
        Mistake(
            "name: small", "name: small\nname: large",
            """
            run.yaml:1:1: 'name' said twice in one mapping; keep one
            """),
        Mistake(
            "  train: train.parquet", "  test: train.parquet",
            """
            run.yaml:4:3: logs: 'train' is missing: files, globs or folders to train on
            """),
        Mistake(
            "  label: click", "  request: r",
            """
            run.yaml:6:3: columns: 'label' is missing: the column to learn, as `label: bought`
            """),
        Mistake(
            "  label: click", "  label: click\n  labels: [{name: x}]",
            """
            run.yaml:7:11: columns.labels: both 'label' and 'labels' are said; keep one (the first of `labels` is the task)
            """),
        Mistake(
            "{hash: 10}", "hash",
            """
            run.yaml:9:43: features[1].encoding: 'hash' needs a value, as {hash: 100000}
            """),
        Mistake(
            "{hash: 10}", "{hash: 10, quantiles: 3}",
            """
            run.yaml:9:43: features[1].encoding: expected one of vocabulary, hash, categories, boundaries, quantiles, found 2
            """),
        Mistake(
            "encoding: {hash: 10}, dimension: 3", "table: user_idd",
            """
            run.yaml:9:33: features[1].table: no feature has the table 'user_idd'; did you mean 'user_id'?; name a \
            feature's table, or say encoding and dimension here
            """),
        Mistake(
            ", dimension: 3", "",
            """
            run.yaml:9:5: features[1]: 'item_id' has no dimension: say `dimension: 16`, or one for all under `defaults`
            """),
        Mistake(
            "side: item", "availability: interacted, side: item",
            """
            run.yaml:9:47: features[1].side: a privileged feature has no side: it belongs to the sample and only the \
            teacher reads it; remove `side`, or remove `availability` if it can be served
            """),
        Mistake(
            ", side: item", "",
            """
            run.yaml:9:5: features[1]: 'side' is missing: user, item or interaction; or say `availability: interacted` \
            or `post_event`
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {manner: ind_sync, except: [user_id]}",
            """
            run.yaml:3:34: distillation.except: only `manner: share*_sync` keeps inputs for the student; remove `except` \
            or change `manner`
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {swapping_step: 0.3}",
            """
            run.yaml:3:31: distillation.swapping_step: is a count of steps; for a share of the run say {fraction: 0.3}
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {lambda: {from: 0, to: 1, over: 1}}",
            """
            run.yaml:3:47: distillation.lambda.over: 1 is one step or the whole run; say {steps: 1} or {fraction: 1}
            """),
        Mistake(
            "task: ctr", "task: ctr\ntraining: {optimiser: {kind: sgd, beta1: 0.5}}",
            """
            run.yaml:3:35: training.optimiser.beta1: belongs to adam, and the optimiser is sgd; remove it
            """),
        Mistake(
            "task: ctr", "task: [ctr",
            """
            run.yaml:3:5: not YAML: while parsing a flow sequence (line 2), did not find expected ',' or ']'
            """),
        Mistake("task: ctr", "task: ctr\n[a, b]: c", "run.yaml:3:1: a key must be a word"),
        Mistake("task: ctr", "task: *nothing", "run.yaml:2:7: not YAML: found undefined alias"),
    ]

    static let meaningMistakes: [Mistake] = [
        Mistake("name: small", "name: a/b", "run.yaml:1:1: name: a name can't contain '/'"),
        Mistake(
            "{hash: 10}", "{boundaries: [1, 5, 3]}",
            """
            run.yaml:9:33: features[1].encoding: boundaries must be ascending, found 3 after 5; sort them
            """),
        Mistake(
            "{hash: 10}", "{boundaries: [1, 2.5, 2.5]}",
            """
            run.yaml:9:33: features[1].encoding: boundaries must be ascending, found 2.5 twice; keep one
            """),
        Mistake(
            "{hash: 10}", "{hash: 0}",
            """
            run.yaml:9:44: features[1].encoding.hash: must be at least 1, found 0
            """),
        Mistake(
            "{hash: 10}", "{hash: 4294967296}",
            """
            run.yaml:9:44: features[1].encoding.hash: must be at most 2147483646, found 4294967296
            """),
        Mistake(
            "{hash: 10}", "{categories: [a, b, a]}",
            """
            run.yaml:9:33: features[1].encoding: category 'a' is said twice
            """),
        Mistake(
            "dimension: 3", "dimension: 0",
            """
            run.yaml:9:55: features[1].dimension: must be at least 1, found 0
            """),
        Mistake(
            "name: item_id", "name: user_id",
            """
            run.yaml:9:6: features[1].name: 'user_id' is also the name of features[0]; names must be unique
            """),
        Mistake(
            "dimension: 3", "dimension: 3, table: user_id",
            """
            run.yaml:9:55: features[1].dimension: 'item_id' shares the table 'user_id' with 'user_id', so its dimension \
            must be 4, found 3
            run.yaml:9:33: features[1].encoding: 'item_id' shares the table 'user_id' with 'user_id', so its encoding \
            must be the same; remove it here
            """),
        Mistake(
            "dimension: 3", "dimension: 3, column: click",
            """
            run.yaml:9:69: features[1].column: 'click' is the label; a model that reads it learns nothing else
            """),
        Mistake(
            "  - {name: item_id, side: item", "  - {name: item_id, side: interaction",
            """
            run.yaml:9:21: features[1].side: the inner-product model can't take 'item_id': it maps user and item apart \
            (Eq. 3), and an interaction belongs to neither; mark it `availability: interacted`, for the teacher alone
            run.yaml:7:1: features: ctr needs at least one feature with `side: item`, for the item mapping
            """),
        Mistake(
            "side: user,", "side: item,",
            """
            run.yaml:7:1: features: ctr needs at least one feature with `side: user`, or a sequence, for the user mapping
            """),
        Mistake(
            "  - {name: item_id", "  - {name: gap, availability: interacted, table: user_id}\n  - {name: item_id",
            """
            run.yaml:9:43: features[1].table: privileged 'gap' would share the table 'user_id' with 'user_id', which is \
            served: what the teacher learns from it would leak into served embeddings; give it a table of its own
            """),
        Mistake(
            "  - {name: item_id",
            "  - {name: gap, column: item_id, availability: interacted, encoding: vocabulary, dimension: 2}\n  - {name: item_id",
            """
            run.yaml:9:17: features[1].column: 'item_id' is also read by a regular feature; a column is privileged or \
            it is not
            """),
        Mistake(
            "task: ctr",
            "task: ctr\nsequence: {fields: [{column: gap, table: user_id}]}\ndefaults: {encoding: vocabulary}",
            ""),
        Mistake(
            "task: ctr", "task: ctr\nsequence: {length: 0, fields: []}",
            """
            run.yaml:3:12: sequence.length: must be at least 1, found 0
            run.yaml:3:23: sequence.fields: names no field
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {method: pfd}",
            """
            run.yaml:8:1: features: pfd needs at least one privileged feature (`availability: interacted` or \
            `post_event`) for the teacher
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {method: mtl}",
            """
            run.yaml:6:1: columns.labels: mtl needs at least two labels: the task and one auxiliary task
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {lambda: 1.5}",
            """
            run.yaml:3:16: distillation.lambda: must be between 0 and 1, found 1.5
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {temperature: 0}",
            """
            run.yaml:3:16: distillation.temperature: must be greater than 0, found 0.0
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {except: [user_idd]}",
            """
            run.yaml:3:25: distillation.except[0]: 'user_idd' is not a regular feature or the sequence; did you mean 'user_id'?
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {method: md, soft_labels: column}",
            """
            run.yaml:3:28: distillation.soft_labels: soft labels come from a column, and none is named: say \
            `columns: {soft_label: ...}`
            """),
        Mistake(
            "task: ctr", "task: ctr\ndistillation: {method: md, control: permuted_privileged}",
            """
            run.yaml:3:28: distillation.control: permuted_privileged changes what a teacher with privileged features reads, \
            and md trains none; choose pfd, pfd+md or lupi, or remove it
            """),
        Mistake(
            "  train: train.parquet", "  train: train.parquet\n  train_window: {fraction: 1.5}",
            """
            run.yaml:5:18: logs.train_window.fraction: must be between 0 and 1 (both excluded), found 1.5
            """),
        Mistake(
            "  train: train.parquet", "  train: train.parquet\n  test_split: {from: 17}",
            """
            run.yaml:5:16: logs.test_split.from: splitting by time needs a time: say `columns: {timestamp: ...}`
            """),
        Mistake(
            "  train: train.parquet",
            "  train: t\n  test_split: {fraction: 0.5}\n  validation_split: {fraction: 0.5}",
            """
            run.yaml:5:3: logs.test_split: validation and test take 1.0 of the training logs; nothing is left to train on
            """),
        Mistake(
            "  train: train.parquet", "  train: [a, b]\n  test: [b]",
            """
            run.yaml:5:3: logs.test: 'b' is also trained on; a score on it would mean nothing
            """),
        Mistake(
            "task: ctr", "task: ctr\ntraining: {batch_size: 1}",
            """
            run.yaml:3:12: training.batch_size: batch normalisation needs at least 2 samples; or say \
            `networks: {batch_norm: false}`
            """),
        Mistake(
            "task: ctr", "task: ctr\nnetworks: {mapping: [], mlp: [4, 0]}",
            """
            run.yaml:3:12: networks.mapping: has no layer
            run.yaml:3:34: networks.mlp[1]: must be at least 1, found 0
            """),
    ]

    @Test("of form is told with its place and a way out", arguments: formMistakes)
    func form(_ mistake: Mistake) {
        #expect(Example.minimal.contains(mistake.passage))
        let text = Example.minimal.replacing(mistake.passage, with: mistake.replacement, maxReplacements: 1)
        #expect(Example.complaint(text) == mistake.complaint)
    }

    @Test("of meaning is told with its place and a way out", arguments: meaningMistakes)
    func meaning(_ mistake: Mistake) {
        #expect(Example.minimal.contains(mistake.passage))
        let text = Example.minimal.replacing(mistake.passage, with: mistake.replacement, maxReplacements: 1)
        #expect(Example.complaint(text) == mistake.complaint)
    }

    @Test("is told together with all others")
    func together() {
        let text = Example.minimal
            .replacing("task: ctr", with: "task: ctr\nseed: x\ntraining: {epochs: y, mode: slow}")
            .replacing("dimension: 4", with: "dimension: wide")
        #expect(
            Example.complaint(text) == """
                run.yaml:10:66: features[0].dimension: expected a whole number, found 'wide'
                run.yaml:4:20: training.epochs: expected a whole number, found 'y'
                run.yaml:4:29: training.mode: expected one of asynchronous, synchronous, found 'slow'
                run.yaml:3:7: seed: expected a whole number, found 'x'
                """)
    }

    @Test("of a label that the student would read is refused, and a privileged auxiliary label is not")
    func labels() {
        let text = Example.full.replacing("{name: country, side: user", with: "{name: country, column: y, side: user")
        #expect(Example.complaint(text).hasSuffix("'y' is a label, so it is not known when serving"))
        #expect(Example.complaint(Example.full) == "")
    }

    @Test("of a configuration that came from no file is told without a place")
    func withoutFile() throws {
        var run = try Example.parsed(Example.minimal).configuration
        run.distillation.temperature = .nan
        run.schema.regular[1].encoding.encoding = .boundaries([0, .infinity])
        do {
            _ = try run.validated()
            Issue.record("was accepted")
        } catch {
            #expect(
                error.description == """
                    features[1].encoding: boundaries must be finite numbers
                    distillation.temperature: must be greater than 0, found nan
                    """)
        }
    }

    @Test("that is no text, no file or a folder is told as that")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "hindsight-schema-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "run.yaml").path
        func complaint(_ path: String) -> String {
            do { return try RunFile.load(path: path).name } catch { return error.description }
        }
        #expect(complaint(path) == "\(path): no such file")
        #expect(complaint(folder.path) == "\(folder.path): is a folder")
        try Data([0xff, 0xfe, 0x41]).write(to: URL(fileURLWithPath: path))
        #expect(complaint(path) == "\(path): is not UTF-8 text")
        try Data().write(to: URL(fileURLWithPath: path))
        #expect(complaint(path) == "\(path): is empty")
        try Data(Example.minimal.utf8).write(to: URL(fileURLWithPath: path))
        #expect(try RunFile.load(path: path).logs.train == [folder.appending(path: "train.parquet").path])
    }
}
