import CKernels

extension Float {
    public static func sigmoid(
        _ x: UnsafePointer<Float>, inverseTemperature: Float, into out: UnsafeMutablePointer<Float>, count: Int
    ) {
        hs_sigmoid_f32(x, inverseTemperature, out, count)
    }

    public static func logLoss(
        _ x: UnsafePointer<Float>, target: UnsafePointer<Float>, weight: UnsafePointer<Float>, scale: Float,
        gradient: UnsafeMutablePointer<Float>?, count: Int
    ) -> Double {
        hs_log_loss_f32(x, target, weight, scale, gradient, count)
    }

    public static func squaredLoss(
        _ x: UnsafePointer<Float>, target: UnsafePointer<Float>, weight: UnsafePointer<Float>, scale: Float,
        gradient: UnsafeMutablePointer<Float>?, count: Int
    ) -> Double {
        hs_squared_loss_f32(x, target, weight, scale, gradient, count)
    }

    public static func areFinite(_ x: UnsafePointer<Float>, count: Int) -> Bool {
        hs_are_finite_f32(x, count) != 0
    }
}

extension Double {
    public static func sigmoid(
        _ x: UnsafePointer<Double>, inverseTemperature: Double, into out: UnsafeMutablePointer<Double>, count: Int
    ) {
        hs_sigmoid_f64(x, inverseTemperature, out, count)
    }

    public static func logLoss(
        _ x: UnsafePointer<Double>, target: UnsafePointer<Double>, weight: UnsafePointer<Double>, scale: Double,
        gradient: UnsafeMutablePointer<Double>?, count: Int
    ) -> Double {
        hs_log_loss_f64(x, target, weight, scale, gradient, count)
    }

    public static func squaredLoss(
        _ x: UnsafePointer<Double>, target: UnsafePointer<Double>, weight: UnsafePointer<Double>, scale: Double,
        gradient: UnsafeMutablePointer<Double>?, count: Int
    ) -> Double {
        hs_squared_loss_f64(x, target, weight, scale, gradient, count)
    }

    public static func areFinite(_ x: UnsafePointer<Double>, count: Int) -> Bool {
        hs_are_finite_f64(x, count) != 0
    }
}
