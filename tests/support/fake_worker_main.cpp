// The main() of test executables that start themselves as workers.
#include "support/fake_worker.hpp"

#include <gtest/gtest.h>

#include <string_view>

int main(int argc, char** argv)
{
    if (argc > 1 && std::string_view(argv[1]) == "worker") return cepa::test::run_fake_worker({argv + 2, argv + argc});
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
