package conformance

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"pando/test/conformance/ordered"
	"pando/test/conformance/rawhttp"
)

const (
	boundary  = "aPartOfThisCaseEndsHere"
	chunkSize = 4096
)

// request is a step's request as bytes, ready to be sent.
type request struct {
	bytes []byte
	head  bool // the answer has no body
}

// request builds the i-th request of a step.
func (s *scope) request(st *Step, i int) (request, error) {
	if st.Raw != nil {
		raw, err := s.expand(*st.Raw, i)
		return request{[]byte(raw), strings.HasPrefix(raw, "HEAD ")}, err
	}
	path, err := s.expand(st.Path, i)
	if err != nil {
		return request{}, err
	}
	body, contentType, err := s.body(st, i)
	if err != nil {
		return request{}, err
	}
	headers, err := s.headers(st, i, contentType)
	if err != nil {
		return request{}, err
	}
	hasLength := false
	for _, h := range headers {
		hasLength = hasLength || strings.EqualFold(h.Name, "content-length")
	}
	switch {
	case body != nil && st.Chunked:
		body = chunks(body)
		headers = append(headers, rawhttp.Header{Name: "Transfer-Encoding", Value: "chunked"})
	case !hasLength && (body != nil || st.Method == "POST" || st.Method == "PUT" || st.Method == "PATCH"):
		headers = append(headers, rawhttp.Header{Name: "Content-Length", Value: fmt.Sprint(len(body))})
	}
	version := st.HTTP
	if version == "" {
		version = "1.1"
	}
	return request{rawhttp.Request(st.Method, path, version, headers, body), st.Method == "HEAD"}, nil
}

// headers are Host, the type of the body, and what the step says, which replaces the former two.
func (s *scope) headers(st *Step, i int, contentType string) ([]rawhttp.Header, error) {
	var own []rawhttp.Header
	given := map[string]bool{}
	for _, f := range st.Headers {
		given[strings.ToLower(f.Name)] = true
		values, err := s.texts(f.Value, i)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			own = append(own, rawhttp.Header{Name: f.Name, Value: v})
		}
	}
	var headers []rawhttp.Header
	if !given["host"] {
		headers = append(headers, rawhttp.Header{Name: "Host", Value: s.host})
	}
	if contentType != "" && !given["content-type"] {
		headers = append(headers, rawhttp.Header{Name: "Content-Type", Value: contentType})
	}
	return append(headers, own...), nil
}

// body returns nil for a request without one. An empty contentType means that none is sent.
func (s *scope) body(st *Step, i int) (body []byte, contentType string, err error) {
	if st.Type != nil {
		contentType = *st.Type
	}
	switch {
	case st.Form != nil:
		body, err = s.form(st.Form, i)
		return body, "application/x-www-form-urlencoded", err
	case st.Multipart != nil:
		body, err = s.multipart(st.Multipart, i)
		return body, "multipart/form-data; boundary=" + boundary, err
	case st.BodyHex != "":
		body, err = hex.DecodeString(st.BodyHex)
		return body, contentType, err
	case st.Body != nil:
		text, err := s.expand(*st.Body, i)
		return []byte(text), contentType, err
	}
	return nil, "", nil
}

// form encodes fields in the order of the case, which url.Values would sort.
func (s *scope) form(fields ordered.Object, i int) ([]byte, error) {
	pairs := []string{}
	err := s.eachField(fields, i, func(name, value string) {
		pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
	})
	return []byte(strings.Join(pairs, "&")), err
}

func (s *scope) multipart(fields ordered.Object, i int) ([]byte, error) {
	var b bytes.Buffer
	err := s.eachField(fields, i, func(name, value string) {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, name, value)
	})
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes(), err
}

// eachField visits the fields with their placeholders replaced, once for each value of a field that has several.
func (s *scope) eachField(fields ordered.Object, i int, visit func(name, value string)) error {
	for _, f := range fields {
		name, err := s.expand(f.Name, i)
		if err != nil {
			return err
		}
		values, err := s.texts(f.Value, i)
		if err != nil {
			return err
		}
		for _, v := range values {
			visit(name, v)
		}
	}
	return nil
}

// texts are the values of a field: one, or those of a list.
func (s *scope) texts(v any, i int) ([]string, error) {
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	var out []string
	for _, v := range list {
		text, err := s.expand(fmt.Sprint(v), i)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

// chunks frames a body for Transfer-Encoding: chunked.
func chunks(body []byte) []byte {
	var b bytes.Buffer
	for len(body) > 0 {
		n := min(len(body), chunkSize)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}
