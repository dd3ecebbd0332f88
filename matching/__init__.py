"""Reading photos, finding and comparing faces: bytes and arrays in, small frozen dataclasses out.

The library knows no settings, no database and no web. Its words are those of ISO/IEC 2382-37: a *probe* is
searched in a *gallery* of *references*; a record whose reference is similar enough becomes a *candidate*,
which is a reason for a person to look and never a finding.
"""
