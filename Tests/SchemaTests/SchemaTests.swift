import Testing

@testable import Schema

@Suite("A run file")
struct RunFileTests {
    @Test("that says only what it must has the paper's defaults")
    func defaults() throws {
        let run = try Example.parsed(Example.minimal).validated().configuration
        #expect(run.seed == 1)
        #expect(run.output == "runs/small")
        // Section 5.1: batch 1024, one epoch, Adagrad, warm-up and swapping step of 10^6, lambda 0.5.
        #expect(run.training.batchSize == 1024)
        #expect(run.training.epochs == 1)
        #expect(run.training.optimiser.kind == .adagrad)
        #expect(run.training.optimiser.learningRate == 0.01)
        #expect(run.training.optimiser.warmup == .steps(1_000_000))
        #expect(!run.training.synchronous)
        #expect(run.distillation.swappingStep == .steps(1_000_000))
        #expect(run.distillation.lambda == .constant(0.5))
        #expect(run.distillation.temperature == 1)
        // Section 5.2: user id is not shared for CTR. Table 8: everything is for CVR.
        #expect(run.distillation.manner == Manner(inputs: .shared(except: ["user_id"]), synchronous: true))
        // Sections 5.1-5.3: the networks.
        #expect(run.networks.attention.heads == 4)
        #expect(run.networks.attention.headDimension == 32)
        #expect(run.networks.mapping == [512, 256, 128])
        #expect(run.networks.scale == 5)
        #expect(run.networks.mlp == [512, 256, 128])
        #expect(run.networks.deepTeacher == [8192, 4096, 2048, 1024, 512, 256, 128])
        #expect(run.schema.labels == [Label(name: "click")])
    }

    @Test("that says everything is read as it says")
    func everything() throws {
        let run = try Example.parsed(Example.full).validated().configuration
        #expect(run.name == "retail-ctr-pfd")
        #expect(run.task == .ctr)
        #expect(run.seed == 7)
        #expect(run.output == "runs/elsewhere")
        #expect(
            run.logs
                == LogsConfiguration(
                    train: ["data/retail/train.parquet"], test: ["data/retail/test.parquet"],
                    validationSplit: .fraction(0.1), format: .parquet, onBadRow: .skip, shuffleWindow: 1024))
        let schema = run.schema
        #expect(
            schema.labels == [
                Label(name: "bought"), Label(name: "dwell", column: "dwell_seconds", kind: .continuous, weight: 0.1),
                Label(name: "subscribed", column: "y", positive: "yes"),
            ])
        #expect(schema.requestColumn == "basket_id")
        #expect(schema.groupColumn == "user_id")
        #expect(schema.weightColumn == "w")
        #expect(schema.timestampColumn == "timestamp")
        #expect(schema.softLabelColumn == "teacher_p")
        #expect(
            schema.regular == [
                RegularFeature(
                    FeatureEncoding(
                        name: "user_id", encoding: .vocabulary(minCount: 2, maxSize: nil), dimension: 16), side: .user),
                RegularFeature(
                    FeatureEncoding(
                        name: "item_id", encoding: .vocabulary(minCount: 2, maxSize: 100_000), dimension: 16),
                    side: .item),
                RegularFeature(
                    FeatureEncoding(
                        name: "tags", encoding: .vocabulary(minCount: 1, maxSize: nil), dimension: 8, bag: .mean),
                    side: .item),
                RegularFeature(
                    FeatureEncoding(name: "country", encoding: .categories(["UK", "NO", "44"]), dimension: 8),
                    side: .user),
                RegularFeature(
                    FeatureEncoding(name: "price", encoding: .boundaries([0, 1, 2.5]), dimension: 8), side: .item),
            ])
        #expect(
            schema.privileged == [
                PrivilegedFeature(
                    FeatureEncoding(name: "price_gap", encoding: .quantiles(buckets: 16), dimension: 8),
                    privilege: .interacted),
                PrivilegedFeature(
                    FeatureEncoding(
                        name: "dwell", column: "dwell_seconds", encoding: .quantiles(buckets: 32), dimension: 4,
                        missing: .error), privilege: .postEvent),
            ])
        #expect(
            schema.sequence
                == BehaviourSequence(
                    name: "history", length: 20,
                    fields: [
                        FeatureEncoding(
                            name: "history_item_id", encoding: .vocabulary(minCount: 2, maxSize: 100_000),
                            table: "item_id", dimension: 16),
                        FeatureEncoding(
                            name: "age", column: "history_age_seconds", encoding: .quantiles(buckets: 16), dimension: 8),
                    ]))
        #expect(run.networks.attention.feedForwardMultiple == 3)
        #expect(run.networks.mapping == [64, 32])
        #expect(run.networks.learnedScale)
        #expect(run.networks.multiTaskHead == [16, 8])
        #expect(!run.networks.batchNorm)
        #expect(run.distillation.method == .pfdMD)
        #expect(run.distillation.lambda == .linear(from: 0, to: 0.5, over: .fraction(0.2)))
        #expect(run.distillation.swappingStep == .fraction(0.3))
        #expect(run.distillation.sharedGradient == .withoutDistillation)
        #expect(run.training.synchronous)
        #expect(run.training.optimiser.warmup == .steps(1000))
        #expect(run.training.optimiser.rowWise)
        #expect(run.training.keepCheckpoints == 3)
        #expect(run.evaluation.everySteps == 10)
    }

    @Test("a control, a training window and a number of steps are read, and said in the plan")
    func controls() throws {
        let overrides = ["distillation.control=permuted_privileged", "logs.train_window={fraction: 0.25}", "training.steps=7"]
        let checked = try RunFile.parse(text: Example.full, file: "run.yaml", overrides: overrides)
            .validated()
        #expect(checked.configuration.distillation.control == .permuted)
        #expect(checked.configuration.logs.trainWindow == .fraction(0.25))
        #expect(checked.configuration.training.totalSteps(rows: 1_000_000) == 7)
        #expect(checked.plan().description.contains("permuted_privileged: every sample has another sample's privileged features"))
        // None of the three said leaves hashes as they were.
        let plain = try RunFile.parse(text: Example.minimal, file: "run.yaml").configuration
        #expect(!String(decoding: try RunFile.json(plain), as: UTF8.self).contains("control"))
    }
}
