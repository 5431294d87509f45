"""The ``opentrons`` laboratory: plates made by an OT-2 or a Flex over its HTTP API."""
