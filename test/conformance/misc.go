package conformance

import (
	"embed"
	"io/fs"
)

//go:embed cases-misc/*.json
var misc embed.FS

// Misc are the files of cases-misc, which package misc runs: they lie beside the others, and only this package can
// compile them in.
func Misc() fs.FS { return misc }
