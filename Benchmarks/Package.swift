// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that nobody who uses Hindsight builds its benchmark.
let package = Package(
  name: "benchmarks",
  dependencies: [.package(name: "hindsight", path: "..")],
  targets: [
    .target(name: "CCores"),
    .executableTarget(
      name: "benchmark",
      dependencies: [
        "CCores", .product(name: "Hindsight", package: "hindsight"),
        .product(name: "HindsightServing", package: "hindsight"),
      ]),
  ]
)
