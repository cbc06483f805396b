import Foundation

struct Options {
  var quick = false
  var large = false
  var rounds = 5
  var sliceSeconds = 3.0
  var clock = Clock.wall
  var threads = [1, 2]
  var suites = Set(SuiteName.allCases)
  var json: String?
  var documents: String?
  /// Where the suite `http` keeps what it serves; nil: in a folder that goes away.
  var workload: String?
  /// The repository's `Benchmarks` folder: where the scripts are.
  var folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
  /// What the suite `http` needs besides: the program that serves and the load generator. `./benchmark` builds both.
  var hindsight: URL { folder.appendingPathComponent("../.build/release/hindsight").standardized }
  var load: URL { folder.appendingPathComponent("load/.build/release/load") }
  var python = ProcessInfo.processInfo.environment["HINDSIGHT_PYTHON"] ?? "python3"

  enum SuiteName: String, CaseIterable {
    case peers, precision, manners, workers, tables, sequences, input, roofline, retrieval
    case serveCore = "serve-core"
    case http

    static let training = allCases.filter { ![.retrieval, .serveCore, .http].contains($0) }
  }

  static let usage = """
    ./benchmark [options]: trains synthetic data in the paper's shapes, and the same model in PyTorch beside it;
    serves such a model and puts it under load

      --quick              one round of short slices: a look, not a measurement
      --large              also an embedding of 100 million rows (needs 13 GB)
      --only A,B           of peers, precision, manners, workers, tables, sequences, input, roofline, retrieval, serve-core,
                           http
      --rounds N           turns that contenders take (5)
      --seconds S          of one turn (3)
      --threads 1,2        for the comparison with PyTorch
      --clock wall         what a second is for work on one thread; processor: for a machine that others use too
      --workload FOLDER    keeps what the suite http serves, and takes it from there the next time
      --json FILE          writes all rows
      --update-docs        rewrites the figures of docs/performance.md, of the parts that the suites belong to
    """

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    func value(_ option: String) throws -> String {
      guard let value = rest.popFirst() else {
        throw BenchmarkError("\(option) needs a value\n\n\(Self.usage)")
      }
      return value
    }
    func number<Number: LosslessStringConvertible>(_ option: String) throws -> Number {
      let text = try value(option)
      guard let number = Number(text) else {
        throw BenchmarkError("\(option): '\(text)' is not a number")
      }
      return number
    }
    while let option = rest.popFirst() {
      switch option {
      case "--quick":
        quick = true
        (rounds, sliceSeconds) = (1, 2)
      case "--large": large = true
      case "--rounds": rounds = max(1, try number(option))
      case "--seconds": sliceSeconds = max(0.1, try number(option))
      case "--json": json = try value(option)
      case "--workload": workload = try value(option)
      case "--update-docs": documents = ""
      case "--folder": folder = URL(fileURLWithPath: try value(option)).standardizedFileURL
      case "--threads":
        threads = try value(option).split(separator: ",").map {
          guard let count = Int($0), count > 0 else {
            throw BenchmarkError("\(option): '\($0)' threads")
          }
          return count
        }
      case "--clock":
        let text = try value(option)
        guard let clock = Clock(rawValue: text) else {
          throw BenchmarkError("--clock: wall or processor, not '\(text)'")
        }
        self.clock = clock
      case "--only":
        suites = Set(
          try value(option).split(separator: ",").map {
            guard let suite = SuiteName(rawValue: String($0)) else {
              throw BenchmarkError("--only: there is no '\($0)'\n\n\(Self.usage)")
            }
            return suite
          })
      default: throw BenchmarkError("unknown option '\(option)'\n\n\(Self.usage)")
      }
    }
    if documents != nil {
      documents = folder.appendingPathComponent("../docs/performance.md").standardized.path
    }
  }
}
