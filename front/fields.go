package front

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// statusLine appends the first line of an answer.
func statusLine(b []byte, status int) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	if text := http.StatusText(status); text != "" {
		b = append(b, text...)
	} else {
		b = append(b, "status code "...)
		b = strconv.AppendInt(b, int64(status), 10)
	}
	return append(b, "\r\n"...)
}

// appendFields appends the fields of a handler in the order of their names, as net/http does.
func appendFields(b []byte, h http.Header) []byte {
	var short [16]string
	sorted := short[:0]
	for name := range h {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	for _, name := range sorted {
		for _, value := range h[name] {
			b = appendField(b, name, value)
		}
	}
	return b
}

// appendField makes no second line of a value that has a line break: what a handler echoes can end no head.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	start := len(b)
	b = append(b, textproto.TrimString(value)...)
	for i := start; i < len(b); i++ {
		if b[i] == '\n' || b[i] == '\r' {
			b[i] = ' '
		}
	}
	return append(b, "\r\n"...)
}

// dateField is the field Date of one second.
type dateField struct {
	second int64
	text   string
}

var lastDate atomic.Pointer[dateField]

// appendDate appends the field, which is made once in a second.
func appendDate(b []byte) []byte {
	now := time.Now()
	d := lastDate.Load()
	if second := now.Unix(); d == nil || d.second != second {
		d = &dateField{second, "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
		lastDate.Store(d)
	}
	return append(b, d.text...)
}
