// Distillation
