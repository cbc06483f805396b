import Foundation
import Schema

extension ServerConfiguration {
    static let keys = [
        "host", "port", "name", "workers", "limits", "tls", "authorization", "drain", "log", "package_folder",
    ]

    /// Reads a configuration file: strict, every error with its line. Paths in it start at its folder.
    public static func read(path: String) throws(SchemaError) -> ServerConfiguration {
        try read(try StrictDocument.load(path: path), file: path, folder: (path as NSString).deletingLastPathComponent)
    }

    /// As `read(path:)`, of a text; `file` is what errors call it.
    public static func parse(text: String, file: String, folder: String = "") throws(SchemaError) -> ServerConfiguration {
        try read(try StrictDocument.parse(text: text, file: file), file: file, folder: folder)
    }

    private static func read(
        _ document: StrictDocument, file: String, folder: String
    ) throws(SchemaError) -> ServerConfiguration {
        let findings = document.root.findings
        var configuration = ServerConfiguration()
        if let fields = document.root.mapping(keys) { configuration.read(fields, folder: folder) }
        if findings.issues.isEmpty {
            for problem in configuration.problems() {
                let key = String(problem.prefix { $0 != ":" })
                findings.report(findings.locations[key] ?? Location(source: file), "", problem)
            }
        }
        try document.finish()
        return configuration
    }

    private mutating func read(_ fields: Fields, folder: String) {
        func file(_ field: Field) -> String? { field.string.map { Self.path($0, from: folder) } }
        fields.set(&host, "host", \.string)
        fields.set(&port, "port", \.integer)
        fields.set(&modelName, "name") { $0.string }
        fields.set(&workers, "workers") { $0.integer }
        fields.set(&packageFolder, "package_folder") { file($0) }
        readLimits(fields["limits"])
        if let inner = fields["tls"]?.mapping(["certificate", "key"]) {
            let certificate = inner.required("certificate", "the certificate chain, a PEM file").flatMap(file)
            let key = inner.required("key", "its private key, a PEM file").flatMap(file)
            if let certificate, let key { tls = TLS(certificate: certificate, key: key) }
        }
        if let inner = fields["authorization"]?.mapping(["token_file", "token_environment", "scope"]) {
            if inner.has("token_file"), let other = inner["token_environment"] {
                other.report("the token comes from token_file already; keep one of both")
            }
            if let path = inner["token_file"].flatMap(file) { authorization.token = .file(path) }
            if let name = inner["token_environment"]?.string { authorization.token = .environment(name) }
            inner.set(&authorization.scope, "scope") { $0.choice(Authorization.Scope.self) }
        }
        if let inner = fields["drain"]?.mapping(["delay_ms", "timeout_ms"]) {
            inner.set(&drain.delayMilliseconds, "delay_ms", \.integer)
            inner.set(&drain.timeoutMilliseconds, "timeout_ms", \.integer)
        }
        if let inner = fields["log"]?.mapping(["level", "requests"]) {
            inner.set(&log.level, "level") { $0.choice(Log.Level.self) }
            inner.set(&log.requests, "requests") { $0.choice(Log.Requests.self) }
        }
    }

    private mutating func readLimits(_ field: Field?) {
        let keys: [(String, WritableKeyPath<RequestLimits, Int>)] = [
            ("body_bytes", \.bodyBytes), ("candidates", \.candidates), ("k", \.topK), ("queue", \.queue),
            ("connections", \.connections), ("timeout_ms", \.timeoutMilliseconds),
            ("read_timeout_ms", \.readMilliseconds), ("idle_timeout_ms", \.idleMilliseconds),
        ]
        guard let inner = field?.mapping(keys.map(\.0)) else { return }
        for (key, limit) in keys { inner.set(&limits[keyPath: limit], key, \.integer) }
    }

    private static func path(_ path: String, from folder: String) -> String {
        path.hasPrefix("/") || folder.isEmpty ? path : "\(folder)/\(path)"
    }
}
