// EmbeddedServing PACKAGE PROFILES [PORT]

import Foundation
import Hummingbird

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count >= 2, let port = Int(arguments.dropFirst(2).first ?? "8090") else {
    FileHandle.standardError.write(Data("usage: EmbeddedServing PACKAGE PROFILES [PORT]\n".utf8))
    exit(64)
}
let shop = try Shop(package: arguments[1], profiles: arguments[2])
let application = Application(
    router: shop.router(), configuration: .init(address: .hostname("127.0.0.1", port: port)),
    onServerRunning: { channel in
        FileHandle.standardOutput.write(Data("Shop at http://127.0.0.1:\(channel.localAddress?.port ?? port)\n".utf8))
    })
try await application.runService()
