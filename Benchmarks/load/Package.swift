// swift-tools-version: 6.2
import PackageDescription

// The load generator of the benchmark's suite `http`. A package without dependencies, so that it shares no code with
// the server it judges, and so that its own tests build in seconds.
let package = Package(
  name: "load",
  targets: [
    .target(name: "CEpoll"),
    .target(name: "LoadGenerator", dependencies: ["CEpoll"]),
    .executableTarget(name: "load", dependencies: ["LoadGenerator"]),
    .testTarget(name: "LoadGeneratorTests", dependencies: ["LoadGenerator"]),
  ]
)
