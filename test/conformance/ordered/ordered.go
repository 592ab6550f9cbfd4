// Package ordered reads JSON the way the conformance cases need it: the order of the fields is kept, numbers keep
// their spelling, and a field that occurs twice in one object is an error.
//
// A value is one of
//
//	Object, []any, string, json.Number, bool, nil
//
// and Object is a slice, so that comparing two of them sees their order.
package ordered

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Field is one name and value of an object.
type Field struct {
	Name  string
	Value any
}

// Object is a JSON object with its fields in the order they were written.
type Object []Field

// Get returns the value of a field, nil and false if there is none.
func (o Object) Get(name string) (any, bool) {
	for _, f := range o {
		if f.Name == name {
			return f.Value, true
		}
	}
	return nil, false
}

// Sub returns the object in a field, an empty one if the field is missing or something else.
func (o Object) Sub(name string) Object {
	v, _ := o.Get(name)
	sub, _ := v.(Object)
	return sub
}

// Add appends a field.
func (o *Object) Add(name string, value any) { *o = append(*o, Field{name, value}) }

// Parse reads text that is one JSON document, with nothing but white space around it.
func Parse(text []byte) (any, error) {
	docs, rest := Split(text)
	if len(docs) == 1 && len(rest) == 0 {
		return docs[0], nil
	}
	if len(docs) == 0 {
		_, err := decode(text)
		if err == nil {
			err = fmt.Errorf("no document")
		}
		return nil, err
	}
	return nil, fmt.Errorf("more than one document")
}

// Split reads the documents that stand one after the other in a text. What follows the last good one comes back as
// rest, without the white space between them.
func Split(text []byte) (docs []any, rest []byte) {
	for {
		text = bytes.TrimLeft(text, " \r\n\t")
		if len(text) == 0 {
			return docs, nil
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return docs, text
		}
		v, err := decode(raw)
		if err != nil {
			return docs, text
		}
		docs = append(docs, v)
		text = text[dec.InputOffset():]
	}
}

// decode reads the first document of a text.
func decode(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return value(dec)
}

func value(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		return object(dec)
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := value(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	return tok, nil
}

func object(dec *json.Decoder) (any, error) {
	o := Object{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := value(dec)
		if err != nil {
			return nil, err
		}
		if _, twice := o.Get(name.(string)); twice {
			return nil, fmt.Errorf("field %q occurs twice", name)
		}
		o.Add(name.(string), v)
	}
	_, err := dec.Token()
	return o, err
}

// UnmarshalJSON lets an Object be a field of a Go struct.
func (o *Object) UnmarshalJSON(text []byte) error {
	v, err := Parse(text)
	if err != nil {
		return err
	}
	got, ok := v.(Object)
	if !ok {
		return fmt.Errorf("want an object, got %s", String(v))
	}
	*o = got
	return nil
}

// MarshalJSON writes the fields in their order, on one line and without escaping for HTML.
func (o Object) MarshalJSON() ([]byte, error) { return []byte(String(o)), nil }

// String is a value as JSON on one line.
func String(v any) string {
	var b strings.Builder
	write(&b, v)
	return b.String()
}

func write(b *strings.Builder, v any) {
	switch v := v.(type) {
	case Object:
		b.WriteByte('{')
		for i, f := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, f.Name)
			b.WriteByte(':')
			write(b, f.Value)
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, x)
		}
		b.WriteByte(']')
	default:
		var line bytes.Buffer
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			fmt.Fprintf(b, "<%v>", err)
			return
		}
		b.Write(bytes.TrimRight(line.Bytes(), "\n"))
	}
}

// Int is a number as a value.
func Int(n int) json.Number { return json.Number(strconv.Itoa(n)) }
