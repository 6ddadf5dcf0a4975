// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title The one function of Multicall3 that the official x402 facilitator calls.
/// @notice To be put at 0xcA11bde05977b3631167028862bE2a173976CA11. Without it the facilitator cannot tell why a
/// simulated transfer failed, and every refusal reads `invalid_exact_evm_transaction_simulation_failed`.
contract Multicall3 {
    struct Call {
        address target;
        bytes callData;
    }

    struct Result {
        bool success;
        bytes returnData;
    }

    /// @notice Makes the calls in order and returns what each of them answered.
    /// @param requireSuccess Whether one failed call fails them all.
    function tryAggregate(bool requireSuccess, Call[] calldata calls) external payable returns (Result[] memory returnData) {
        returnData = new Result[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            (bool success, bytes memory answer) = calls[i].target.call(calls[i].callData);
            require(success || !requireSuccess, "Multicall3: call failed");
            returnData[i] = Result(success, answer);
        }
    }
}
