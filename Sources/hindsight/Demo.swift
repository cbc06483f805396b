import ArgumentParser

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare baseline, LUPI, MD, PFD and PFD+MD on the real data that ships with Hindsight.",
        discussion: "Run it from the repository; it is `hindsight compare Examples/retail-ctr.yaml` with fewer seeds.")

    @Option(help: "How many seeds.")
    var seeds = 1

    @OptionGroup var outputOptions: OutputOptions

    func run() throws {
        var arguments = ["Examples/retail-ctr.yaml", "--seeds", "\(seeds)", "--output", "runs/demo"]
        if outputOptions.quiet { arguments.append("--quiet") }
        if outputOptions.json { arguments.append("--json") }
        let compare = try Compare.parse(arguments)
        try compare.run()
    }
}
