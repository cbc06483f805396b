import Testing

@testable import Schema

@Suite("An override")
struct OverrideTests {
    private func run(_ overrides: String...) throws -> RunConfiguration {
        try RunFile.parse(text: Example.full, file: "run.yaml", overrides: overrides).configuration
    }

    @Test("replaces one value and leaves the others")
    func replaces() throws {
        let changed = try run("training.epochs=5", "distillation.method=md", "distillation.lambda=0.25")
        #expect(changed.training.epochs == 5)
        #expect(changed.training.batchSize == 512)
        #expect(changed.distillation.method == .md)
        #expect(changed.distillation.lambda == .constant(0.25))
    }

    @Test("may be YAML, and may add what the file does not say")
    func adds() throws {
        let changed = try run("networks.mapping=[8, 4]", "logs.test_split={fraction: 0.5}", "logs.delimiter=\";\"")
        #expect(changed.networks.mapping == [8, 4])
        #expect(changed.logs.testSplit == .fraction(0.5))
        #expect(changed.logs.delimiter == ";")
        let bare = try RunFile.parse(
            text: Example.minimal, file: "run.yaml", overrides: ["training.optimiser.kind=sgd"])
        #expect(bare.configuration.training.optimiser.kind == .sgd)
    }

    @Test("names an element of a list by position or by name")
    func elements() throws {
        let changed = try run(
            "features[0].dimension=32", "features.tags.bag=sum", "networks.mlp.1=7", "sequence.fields.age.dimension=2")
        #expect(changed.schema.regular[0].encoding.dimension == 32)
        #expect(changed.schema.regular[2].encoding.bag == .sum)
        #expect(changed.networks.mlp == [64, 7, 16])
        #expect(changed.schema.sequence?.fields[1].dimension == 2)
        let dotted = Example.minimal.replacing("item_id", with: "emp.var.rate")
        let run = try RunFile.parse(text: dotted, file: "r", overrides: ["features.emp.var.rate.dimension=9"])
            .configuration
        #expect(run.schema.regular[1].encoding.dimension == 9)
    }

    @Test(
        "that is wrong is told as itself",
        arguments: [
            ("training.epoch=2", "override 'training.epoch=2': training: unknown key 'epoch'; did you mean 'epochs'? "),
            (
                "training.epochs=two",
                "override 'training.epochs=two': training.epochs: expected a whole number, found 'two'"
            ),
            ("training.epochs=0", "override 'training.epochs=0': training.epochs: must be at least 1, found 0"),
            ("training.epochs", "override 'training.epochs': expected key.path=value"),
            ("=2", "override '=2': expected key.path=value"),
            ("training.epochs=", "override 'training.epochs=': has no value; expected key.path=value"),
            ("training..x=1", "override 'training..x=1': has an empty key"),
            ("name.x=1", "override 'name.x=1': name: is a single value, and 'x' can't be set inside it"),
            ("features.item.dimension=1", "override 'features.item.dimension=1': features: has no element 'item'"),
            ("features[9].dimension=1", "override 'features[9].dimension=1': features: has no element '9]'"),
            ("networks.mlp=[1", "override 'networks.mlp=[1': not YAML: "),
            ("networks={mlp: [0]}", "override 'networks={mlp: [0]}': networks.mlp[0]: must be at least 1, found 0"),
        ])
    func mistakes(_ override: String, _ complaint: String) {
        #expect(Example.complaint(Example.full, overrides: [override]).hasPrefix(complaint))
    }

    @Test("of endless depth is an error")
    func deep() {
        let path = Array(repeating: "a", count: 50_000).joined(separator: ".")
        #expect(Example.complaint(Example.full, overrides: ["\(path)=1"]).hasSuffix("has a key that is too long"))
    }
}
