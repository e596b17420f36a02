// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"tcpledger/schema"
)

// maxInput bounds the input: the largest message in hex, with room for white space.
const maxInput = 3 * schema.MaxMessageBytes

// readInput reads a message from the file at path, "-" for standard input: its bytes, or those in hex.
func readInput(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	content, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(content) > maxInput {
		return nil, fmt.Errorf("%s is larger than any message: at most %d bytes", path, schema.MaxMessageBytes)
	}
	return unhex(content), nil
}

// unhex gives the bytes that content spells in hex, else content: no message begins with a hex digit, since it is an array.
func unhex(content []byte) []byte {
	digits := bytes.Join(bytes.Fields(content), nil)
	message := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(message, digits); err != nil || len(message) == 0 {
		return content
	}
	return message
}
