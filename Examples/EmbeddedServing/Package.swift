// swift-tools-version: 6.2
import PackageDescription

// A server of one's own that ranks with Hindsight in its own process. Elsewhere, `path: "../.."` is the repository's
// address, and `HindsightServing` the only product that is needed.
let package = Package(
    name: "EmbeddedServing",
    dependencies: [
        .package(name: "hindsight", path: "../.."),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .executableTarget(
            name: "EmbeddedServing",
            dependencies: [
                .product(name: "HindsightServing", package: "hindsight"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ])
    ]
)
