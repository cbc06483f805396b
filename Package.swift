// swift-tools-version: 6.2
import PackageDescription

// The rooms of the house, in the order data flows. A room may import only rooms above it.
let package = Package(
    name: "hindsight",
    products: [
        .executable(name: "hindsight", targets: ["hindsight"]),
        .library(
            name: "Hindsight",
            targets: ["Schema", "Logs", "Layers", "Rankers", "Distillation", "Parameters", "Training", "Evaluation"]),
        .library(name: "HindsightServing", targets: ["ModelPackage", "Serving", "Retrieval", "Logs"]),
        .library(name: "HindsightStudy", targets: ["Study", "Marketplace"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Doors to foreign code.
        .target(name: "CKernels"),
        .systemLibrary(name: "CDNNL", providers: [.apt(["libdnnl-dev"])]),
        .target(name: "CArrow"),

        // The rooms.
        .target(name: "Kernels", dependencies: ["CKernels", "CDNNL"]),
        .target(name: "Retrieval", dependencies: ["CKernels"]),
        .target(name: "TensorFiles"),
        .target(name: "Schema", dependencies: ["Yams"]),
        .target(name: "Logs", dependencies: ["Schema", "CArrow", "TensorFiles"]),
        .target(name: "Evaluation"),
        .target(name: "Layers", dependencies: ["Kernels"]),
        .target(name: "Parameters", dependencies: ["Kernels", "TensorFiles"]),
        .target(name: "Rankers", dependencies: ["Layers", "Schema", "Logs"]),
        .target(name: "Distillation", dependencies: ["Rankers"]),
        .target(
            name: "Training",
            dependencies: ["Distillation", "Parameters", "Evaluation", "TensorFiles"]),
        // The serving side of the wall.
        .target(
            name: "ModelPackage", dependencies: ["Kernels", "Layers", "Evaluation", "TensorFiles", "Schema", "Logs"]),
        .target(
            name: "Serving",
            dependencies: ["ModelPackage", "Retrieval", "Kernels", "TensorFiles", "Schema", "Logs"]),
        .target(
            name: "Server",
            dependencies: [
                "Serving", "ModelPackage", "Evaluation", "Schema", "Logs",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        // Experiments: they see both sides, and neither side sees them.
        .target(
            name: "Marketplace", dependencies: ["Schema", "Logs", "Evaluation", "ModelPackage", "Serving", "TensorFiles"]),
        .target(
            name: "Study",
            dependencies: [
                "Schema", "Logs", "Evaluation", "Distillation", "Training", "Rankers", "TensorFiles", "Layers", "Kernels",
            ]),
        .executableTarget(
            name: "hindsight",
            dependencies: [
                "Training", "ModelPackage", "Serving", "Server", "Marketplace", "Study",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // Also a package of its own; built here so that tests can run it without building everything twice.
        .executableTarget(
            name: "EmbeddedServing",
            dependencies: [
                "Serving", "Logs",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Examples/EmbeddedServing/Sources/EmbeddedServing"),

        .testTarget(name: "KernelsTests", dependencies: ["Kernels", "CKernels"]),
        .testTarget(name: "RetrievalTests", dependencies: ["Retrieval", "CKernels"]),
        .testTarget(name: "TensorFilesTests", dependencies: ["TensorFiles"]),
        .testTarget(name: "SchemaTests", dependencies: ["Schema"]),
        .testTarget(name: "LogsTests", dependencies: ["Logs"]),
        .testTarget(
            name: "EvaluationTests", dependencies: ["Evaluation"], resources: [.copy("Goldens")]),
        .testTarget(
            name: "LayersTests", dependencies: ["Layers"], resources: [.copy("Goldens")]),
        .testTarget(
            name: "DistillationTests", dependencies: ["Distillation", "Parameters"],
            resources: [.copy("Goldens")]),
        .testTarget(
            name: "ParametersTests", dependencies: ["Parameters", "Kernels"], resources: [.copy("Goldens")]),
        .testTarget(name: "TrainingTests", dependencies: ["Training", "Kernels"]),
        .testTarget(name: "CommandLineTests", dependencies: ["hindsight", "Training"]),
        .testTarget(name: "ModelPackageTests", dependencies: ["ModelPackage", "Training", "hindsight"]),
        .testTarget(name: "ServingTests", dependencies: ["Serving", "Training", "hindsight"]),
        .testTarget(
            name: "ServerTests", dependencies: ["Server", "Evaluation", "Training", "hindsight", "EmbeddedServing"],
            exclude: ["triton_judge.py", "openapi_judge.py"]),
        .testTarget(name: "MarketplaceTests", dependencies: ["Marketplace", "Training", "hindsight"]),
        .testTarget(name: "StudyTests", dependencies: ["Study", "Training", "hindsight"]),
    ]
)

// ./fuzz builds this package with libFuzzer: the rooms up to Serving, what reads requests in Server, and no HTTP.
if Context.environment["HINDSIGHT_FUZZ"] == "1" {
    let rooms: Set = [
        "CKernels", "CDNNL", "CArrow", "Kernels", "Retrieval", "TensorFiles", "Schema", "Logs", "Evaluation", "Layers",
        "ModelPackage", "Serving",
    ]
    package.products = []
    package.targets = package.targets.filter { rooms.contains($0.name) } + [
        .target(
            name: "Decoders",
            dependencies: [
                "Serving", "ModelPackage", "Schema", "Logs", .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Sources/Server",
            sources: [
                "APIError.swift", "APIError+Serving.swift", "BodyReader.swift", "InferenceModel.swift",
                "InferenceRequest.swift", "InferenceTensor.swift", "ItemBodies.swift", "JSONWriter.swift",
                "RankingAnswer.swift", "RankingBodies.swift", "ServerConfiguration.swift", "ServerConfiguration+YAML.swift",
                "ServerError.swift",
            ]),
        .executableTarget(
            name: "hindsight-fuzz",
            dependencies: ["Decoders", "Serving", "ModelPackage", "TensorFiles", "Schema", "Logs"],
            path: "Fuzz/Sources"),
    ]
}
