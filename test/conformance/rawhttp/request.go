package rawhttp

import "bytes"

// Request writes a request: its line, the headers just as they are and in their order, and the body. Nothing is added
// (no Host, no Content-Length) and nothing is checked.
func Request(method, target, version string, headers []Header, body []byte) []byte {
	var b bytes.Buffer
	b.WriteString(method + " " + target + " HTTP/" + version + "\r\n")
	for _, h := range headers {
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
