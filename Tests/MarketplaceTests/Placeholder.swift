import Testing
@testable import Marketplace
