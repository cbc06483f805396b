import Evaluation
import Foundation
import Schema

/// `manifest.json`: what a package is, and the hash of everything else in it.
public struct PackageManifest: Sendable, Codable, Equatable {
    public static let format = "hindsight-package"
    public static let formatVersion = 1

    public var format = Self.format
    public var formatVersion = Self.formatVersion
    /// The model's version: SHA-256 of this manifest's canonical JSON with an empty `version`. It covers the hashes
    /// of all files, so equal versions mean equal bytes.
    public var version = ""
    public var student: StudentDescription
    public var signature: Signature
    public var files: [String: FileRecord]
    /// How the student's scores were distributed when it was trained; nil where nobody measured it.
    public var scores: ScoreDistribution?

    public struct FileRecord: Sendable, Codable, Equatable {
        public var bytes: Int
        public var sha256: String

        public init(bytes: Int, sha256: String) {
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// What goes in and what comes out, for people and for other programs.
    public struct Signature: Sendable, Codable, Equatable {
        public struct Input: Sendable, Codable, Equatable {
            public var name: String
            /// `user`, `item`, `interaction` or the sequence's name.
            public var from: String
            /// `number` or `value` (an integer or a text).
            public var type: String
            public var isList: Bool
            public var isRequired: Bool
        }
        public struct Output: Sendable, Codable, Equatable {
            public var name: String
            public var shape: [Int]
        }
        public var inputs: [Input]
        public var outputs: [Output]
    }

    public init(
        student: StudentDescription, schema: ServingSchema, files: [String: FileRecord], scores: ScoreDistribution? = nil
    ) throws {
        self.student = student
        self.scores = scores
        self.files = files
        signature = Signature(student, schema)
        version = try contentVersion()
    }

    /// What `version` has to be.
    func contentVersion() throws -> String {
        var unnamed = self
        unnamed.version = ""
        return SHA256.digest(of: try canonicalJSON(unnamed))
    }
}

extension PackageManifest.Signature {
    init(_ student: StudentDescription, _ schema: ServingSchema) {
        func input(_ encoding: FeatureEncoding, from: String, isList: Bool, isRequired: Bool) -> Input {
            let type =
                switch encoding.encoding {
                case .boundaries, .quantiles: "number"
                case .vocabulary, .hash, .categories: "value"
                }
            return Input(name: encoding.name, from: from, type: type, isList: isList, isRequired: isRequired)
        }
        inputs =
            schema.regular.map {
                input(
                    $0.encoding, from: $0.side.rawValue, isList: $0.encoding.bag != nil,
                    isRequired: $0.encoding.missing == .error)
            }
            + (schema.sequence.map { sequence in
                sequence.fields.map { input($0, from: sequence.name, isList: true, isRequired: false) }
            } ?? [])
        outputs = [Output(name: "score", shape: [])]
        if let width = student.vectorWidth {
            outputs += [Output(name: "user_vector", shape: [width]), Output(name: "item_vector", shape: [width])]
        }
    }
}

/// JSON that is the same for equal values: sorted keys, no space.
func canonicalJSON(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
}
