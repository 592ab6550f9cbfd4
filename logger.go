package main

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"pando/config"
)

// newLogger writes to stderr, as lines for people or as JSON.
func newLogger(cfg *config.Config) *zap.Logger {
	ec := zap.NewProductionEncoderConfig()
	ec.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02 15:04:05.000000")
	ec.EncodeDuration = zapcore.StringDurationEncoder
	enc := zapcore.NewJSONEncoder
	if cfg.LogFormat != "json" {
		ec.EncodeLevel = zapcore.CapitalLevelEncoder
		ec.ConsoleSeparator = " "
		enc = zapcore.NewConsoleEncoder
	}
	return zap.New(zapcore.NewCore(enc(ec), zapcore.Lock(os.Stderr), cfg.LogLevel))
}
