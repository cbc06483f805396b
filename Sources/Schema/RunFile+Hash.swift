import Foundation

extension RunFile {
    /// 16 hexadecimal digits that change when anything changes that decides the trained weights.
    ///
    /// FNV-1a (64 bits) over the canonical JSON: the same on every machine and in every release that has the same
    /// keys. What may differ between a run and its resumption is left out: `output`, `evaluation`, how often
    /// checkpoints are made, and the folders of the logs. It tells mistakes apart, not attackers.
    public static func hash(_ configuration: RunConfiguration) throws -> String {
        var canonical = configuration
        canonical.output = ""
        canonical.evaluation = EvaluationConfiguration()
        canonical.training.checkpointEvery = 0
        canonical.training.keepCheckpoints = 0
        canonical.logs.train = canonical.logs.train.map(lastComponent)
        canonical.logs.validation = canonical.logs.validation.map(lastComponent)
        canonical.logs.test = canonical.logs.test.map(lastComponent)
        let value = try json(canonical).reduce(into: UInt64(0xcbf2_9ce4_8422_2325)) { hash, byte in
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The configuration as run metadata: JSON with sorted keys, which `JSONDecoder` reads back.
    public static func json(_ configuration: RunConfiguration) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(configuration)
    }

    private static func lastComponent(_ path: String) -> String { (path as NSString).lastPathComponent }
}
