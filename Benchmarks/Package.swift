// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "benchmarks",
    dependencies: [.package(name: "hindsight", path: "..")],
    targets: [
        .executableTarget(name: "benchmark", dependencies: [.product(name: "Hindsight", package: "hindsight")])
    ]
)
